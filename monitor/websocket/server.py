"""The server that lets one client at a time be a microphone, and tells it what was heard."""

import asyncio
import http
import logging
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from core.errors import UsageError
from core.settings import WebSocketSettings
from core.wire.events import Event
from core.wire.health import SinkHealth
from monitor.websocket.address import ListenAddress, allows_origin
from monitor.websocket.connection import Connection
from monitor.websocket.listener import MAX_CONNECTIONS, Listener
from monitor.websocket.protocol import MAX_FRAME_BYTES, CloseCode, Session
from monitor.websocket.rate import RateLimit
from monitor.websocket.throttle import Throttle

log = logging.getLogger(__name__)
library_log = logging.getLogger(f"{__name__}.library")
library_log.setLevel(logging.CRITICAL)  # what the library calls an error is a client's affair

HANDSHAKE_S = 10.0
"""Time for what comes before the first message: encryption, then the opening handshake, each."""
PING_S = 20.0
CLOSE_S = 2.0
WARN_EVERY_S = 10.0
"""What any stranger can cause is told no more often than that, each kind for itself."""
_LONGEST_NAME = 200
"""Characters of what a stranger says about itself that the log shows."""


class WebSocketServer:
    """Listens for clients. Implements `Sink`: what is said about the source's stream goes to the client that speaks.

    One client speaks at a time: the first that says a valid hello; another is then told to try later. Sound is taken
    while a `WebSocketSource` plays it.

    Args:
        address: Where to listen.
        settings: Who may connect, and the limits.
        speed: Multiple of real time at which sound may come; infinite if the client waits for the model.
        patient: Whether clients wait for the model.

    Attributes:
        name: Address, for people and events.
        port: The one that was taken.
        connection: The client that speaks, if there is one.
        changed: Set whenever there may be something new for the source.

    Raises:
        UsageError: The address cannot be listened on.
    """

    def __init__(self, address: ListenAddress, settings: WebSocketSettings, *, speed: float, patient: bool) -> None:
        self._socket = _bind(address, self._note_refusal)
        self.port = int(self._socket.getsockname()[1])
        self.name = address.url(self.port)
        self.connection: Connection | None = None
        self.changed = asyncio.Event()
        self._address = address
        self._settings = settings
        self._rate = RateLimit(speed, settings.burst_s)
        self._patient = patient
        self._listening = False
        self._ended = False
        self._unsent = 0
        self._throttle = Throttle(WARN_EVERY_S)
        self._server: Server | None = None

    @property
    def is_open(self) -> bool:
        """Whether clients can connect."""
        return self._server is not None

    async def __aenter__(self) -> Self:
        if self._server is None:
            self._server = await serve(self._serve, sock=self._socket, **self._options())
            log.info("sound may come to %s", self.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is None:
            return
        self.ignore()
        if self.connection is not None:
            self.connection.close(CloseCode.GOING_AWAY, "the monitor has ended")
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self.connection.gone.wait()
        self._server.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await self._server.wait_closed()
        self._socket.hang_up()  # on who has not even greeted us
        await self._server.wait_closed()
        self._server = None

    async def send(self, event: Event) -> None:
        """Tells the client that speaks, if there is one; never waits for it."""
        if self.connection is not None:
            self.connection.push(event)

    def hurry(self) -> None:
        """Closing takes a moment at most in any case."""

    def health(self) -> SinkHealth:
        """Who speaks, and messages lost to slow readers."""
        speaking = self.connection
        return SinkHealth(
            name=self.name,
            state="ok" if self.is_open else "closed",
            detail=speaking.who if speaking else "nobody is connected",
            queued=0,
            dropped=self._unsent + (speaking.unsent if speaking else 0),
        )

    def listen(self) -> None:
        """Sound is taken from now on."""
        self._listening = True
        if self.connection is not None:
            self.connection.listen()

    def ignore(self) -> None:
        """No sound will be taken any more; a client that speaks still hears what was understood until now."""
        self._ended = True
        if self.connection is not None:
            self.connection.end_sound()
            self.connection.was_heard_out()

    def _options(self) -> dict[str, Any]:
        return {
            "ssl": self._address.tls,
            "process_request": self._check,
            "compression": None,  # sound does not shrink, and what unpacks to a lot is a trap
            "max_size": MAX_FRAME_BYTES,
            "open_timeout": HANDSHAKE_S,
            "max_queue": 4,
            "ping_interval": PING_S,
            "ping_timeout": PING_S,
            "close_timeout": CLOSE_S,
            "server_header": None,
            "logger": library_log,
        }

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuses pages of other origins before they are connected: any page could otherwise speak to this machine."""
        origins = request.headers.get_all("Origin")
        if not all(allows_origin(origin, self._settings.origins) for origin in origins):
            named = " ".join(map(repr, origins))[:_LONGEST_NAME]
            self._warn("origin", f"a page of {named} may not connect; websocket.origins names those that may")
            return connection.respond(http.HTTPStatus.FORBIDDEN, "this origin may not connect\n")
        return None

    def _note_refusal(self, host: str, why: str) -> None:
        self._warn("refusal", f"{self.name}: a connection from {host} was turned away: {why}")

    def _warn(self, kind: str, text: str, *, exc_info: bool = False) -> None:
        untold = self._throttle.push(kind, time.monotonic())
        if untold is not None:
            log.warning("%s%s", text, f" ({untold} more like it before)" if untold else "", exc_info=exc_info)

    async def _serve(self, websocket: ServerConnection) -> None:
        try:
            await self._talk(websocket)
        except Exception:  # a defect of ours costs a connection, not the program
            self._warn("failure", f"{self.name}: unexpected failure", exc_info=True)
            raise

    async def _talk(self, websocket: ServerConnection) -> None:
        token, idle_s = self._address.token, self._settings.idle_s
        session = Session(self._rate, idle_s=idle_s, token=token, now_s=time.monotonic())
        connection = Connection(
            *(websocket, session),
            source=self.name,
            patient=self._patient,
            claim=self._let_speak,
            on_sound=self.changed.set,
        )
        try:
            await connection.serve()
            if connection is self.connection and self._listening and not self._ended:
                await connection.heard_out.wait()
        finally:
            if connection is self.connection:
                self._unsent += connection.unsent
                self.connection = None
                log.info("%s is gone: %s", connection.who, _ending(websocket))

    def _let_speak(self, connection: Connection) -> str | None:
        """Gives the place to a client that has said who it is, or says why not."""
        if self.connection is not None:
            return "busy: another client is speaking"
        if self._ended:
            return "ended: nobody listens here any more"
        self.connection = connection
        if self._listening:
            connection.listen()
        return None


def _bind(address: ListenAddress, on_refusal: Callable[[str, str], None]) -> Listener:
    """Takes the port, so that it is known and ours; who connects before the server is entered waits for it."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        family, _, _, _, where = min(found, key=lambda one: one[0] != socket.AF_INET)
        taken = Listener(family, on_refusal)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(where)
        taken.listen(MAX_CONNECTIONS)
    except OSError as error:
        msg = f"{address.url()} cannot be listened on: {error.strerror or error}"
        raise UsageError(msg, hint="another program may use the port; ws://HOST:0 takes a free one") from None
    return taken


def _ending(websocket: ServerConnection) -> str:
    return f"{websocket.close_code} {websocket.close_reason or ''}".rstrip()
