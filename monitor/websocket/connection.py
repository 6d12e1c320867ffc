"""One client, connected: its sound on the way in, its messages on the way out."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from core import tasks
from core.model import SAMPLE_RATE_HZ
from core.wire.events import Event
from monitor.backlog import BACKLOG_S, Backlog
from monitor.websocket.messages import ServerMessage, SessionClosed, encode
from monitor.websocket.protocol import Close, CloseCode, Output, Session, Sound
from monitor.websocket.utterances import Utterances

log = logging.getLogger(__name__)

TICK_S = 0.25
MAX_UNSENT = 256
"""Messages that wait for a slow reader; beyond it the oldest is lost and counted."""


class Connection:
    """Serves one client until it is gone; nothing here ever waits for it to read.

    Args:
        websocket: Open.
        session: The conversation, not begun.
        source: Name of the source, for its events.
        patient: Whether the client waits for the model, instead of sound being lost that nobody took in time.
        claim: Asked once the client has said a valid hello: None if it may speak now, else why it may not.
        on_sound: Called when there is sound to take, or none will come any more.

    Attributes:
        session: The conversation.
        utterances: What the client is told about the stream.
        over: No more sound will come.
        played: Samples of it that were taken and played.
        heard_out: Set when all of it is with the segmenter.
        gone: Set when the connection has ended.
        unsent: Messages lost to a slow reader.
    """

    def __init__(
        self,
        websocket: ServerConnection,
        session: Session,
        *,
        source: str,
        patient: bool,
        claim: Callable[["Connection"], str | None],
        on_sound: Callable[[], None],
    ) -> None:
        self.session = session
        self.utterances = Utterances(source)
        self.over = False
        self.played = 0
        self.unsent = 0
        self.heard_out = asyncio.Event()
        self.gone = asyncio.Event()
        self._websocket = websocket
        self._patient = patient
        self._claim = claim
        self._may_speak = False
        self._on_sound = on_sound
        self._backlog = Backlog(round(BACKLOG_S * SAMPLE_RATE_HZ))
        self._taken = asyncio.Event()
        self._outgoing: deque[ServerMessage] = deque()
        self._close: Close | None = None
        self._wake = asyncio.Event()
        self._listening = False
        self._waiting = False
        self._ready_is_due = True

    async def serve(self) -> None:
        """Talks with the client until it is gone, or everything is said."""
        writing = tasks.start(self._write(), name="websocket: messages")
        ticking = tasks.keep(self._tick, name="websocket: time")
        writing.add_done_callback(lambda _: self._websocket.transport.abort())  # whatever it was, all is said
        try:
            await self._read()
        finally:
            self.end_sound()
            if self._websocket.close_code is None:
                await asyncio.wait({writing})
            writing.cancel()
            ticking.cancel()
            await asyncio.wait({writing, ticking})
            self.gone.set()

    def take(self) -> Sound | None:
        """The oldest sound that waits; None when there is none."""
        taken = self._backlog.pop()
        self._taken.set()
        return taken and Sound(*taken)

    def listen(self) -> None:
        """Somebody takes the sound from now on; the client is told once it has introduced itself."""
        self._listening = True
        self._say_ready()

    def push(self, event: Event) -> None:
        """Tells the client about an event of the pipeline."""
        for message in self.utterances.push(event):
            self._say(message)
        if self._close is None and self.heard_out.is_set() and self.utterances.settled:
            self._say_goodbye()

    def was_heard_out(self) -> None:
        """All its sound is with the segmenter."""
        self.utterances.sound_ended()
        self.heard_out.set()

    def end_sound(self) -> None:
        """No more sound will come."""
        self.over = True
        self._on_sound()

    def close(self, code: CloseCode, reason: str) -> None:
        """Ends the connection after what is still to be said."""
        self._perform(self.session.close(code, reason))

    @property
    def who(self) -> str:
        """The client, for people."""
        host = self._websocket.remote_address[0] if self._websocket.remote_address else "a client"
        hello = self.session.hello
        about = ", ".join(part for part in (hello.name, hello.language) if part) if hello else ""
        return f"{about!r} at {host}" if about else host

    async def _read(self) -> None:
        try:
            async for message in self._websocket:
                self._perform(self.session.push(message, time.monotonic()))
                self._ask_to_speak()
                self._say_ready()
                if self._patient and not self.over:
                    await self._until_taken()
        except ConnectionClosed:
            pass

    def _ask_to_speak(self) -> None:
        if self._may_speak or self.session.state != "speaking":
            return
        refusal = self._claim(self)
        self._may_speak = refusal is None
        if refusal is not None:
            self.close(CloseCode.TRY_LATER, refusal)

    async def _until_taken(self) -> None:
        self._waiting = True
        try:
            while len(self._backlog) and not self.over:
                self._taken.clear()
                await self._taken.wait()
        finally:
            self._waiting = False
            self.session.listen(time.monotonic())

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if not self._waiting and (self._listening or self.session.state != "speaking"):
                self._perform(self.session.tick(time.monotonic()))

    async def _write(self) -> None:
        try:
            while True:
                self._wake.clear()
                while self._outgoing:
                    await self._websocket.send(encode(self._outgoing.popleft()))
                if self._close is not None:
                    await self._websocket.close(self._close.code, self._close.reason)
                    return
                await self._wake.wait()
        except ConnectionClosed:
            pass

    def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Sound):
                self._backlog.push(output.samples, output.lost)
                self._on_sound()
            elif isinstance(output, Close):
                self._close = self._close or output
                self._wake.set()
            else:
                self._say(output)
        if self.session.state in {"ended", "closed"} and not self.over:
            self.end_sound()

    def _say_ready(self) -> None:
        if self._listening and self.session.state == "speaking" and self._ready_is_due:
            self._ready_is_due = False
            self.session.listen(time.monotonic())
            self._say(self.session.ready)
            log.info("%s is speaking", self.who)

    def _say_goodbye(self) -> None:
        if self.session.state == "ended":
            audio_ms = round(self.session.audio * 1000 / SAMPLE_RATE_HZ)
            self._say(SessionClosed(audio_ms=audio_ms, utterances=self.utterances.told))
            self.close(CloseCode.DONE, "everything is read")
        else:
            self.close(CloseCode.GOING_AWAY, "nobody listens here any more")

    def _say(self, message: ServerMessage) -> None:
        if len(self._outgoing) >= MAX_UNSENT:
            self._outgoing.popleft()
            self.unsent += 1
        self._outgoing.append(message)
        self._wake.set()
