"""The server that lets one client at a time be a microphone, and tells it what was heard."""

import asyncio
import http
import logging
import socket
import time
from contextlib import suppress
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from core.errors import UsageError
from core.settings import WebSocketSettings
from core.wire.events import Event, SinkHealth
from monitor.websocket.address import ListenAddress, allows_origin
from monitor.websocket.connection import Connection
from monitor.websocket.protocol import MAX_FRAME_BYTES, CloseCode, Session
from monitor.websocket.rate import RateLimit

log = logging.getLogger(__name__)
library_log = logging.getLogger(f"{__name__}.library")
library_log.setLevel(logging.CRITICAL)  # what the library calls an error is a client's affair

MAX_CONNECTIONS = 8
"""The one that speaks, and those that are being told that they may not."""
PING_S = 20.0
CLOSE_S = 2.0


class WebSocketServer:
    """Listens for clients. Implements `Sink`: what is said about the source's stream goes to the client that speaks.

    One client speaks at a time; another is told to try later. Sound is taken while a `WebSocketSource` plays it.

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
        self._socket = _bind(address)
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
        self._connections = 0
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
            log.warning(
                "a page of %s may not connect; websocket.origins names those that may", " ".join(map(repr, origins))
            )
            return connection.respond(http.HTTPStatus.FORBIDDEN, "this origin may not connect\n")
        if self._connections >= MAX_CONNECTIONS:
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many connections\n")
        return None

    async def _serve(self, websocket: ServerConnection) -> None:
        self._connections += 1
        try:
            if self.connection is not None:
                await websocket.close(CloseCode.TRY_LATER, "busy: another client is speaking")
            elif self._ended:
                await websocket.close(CloseCode.TRY_LATER, "ended: nobody listens here any more")
            else:
                await self._speak(websocket)
        except Exception:  # a defect of ours costs a connection, not the program
            log.exception("%s: unexpected failure", self.name)
            raise
        finally:
            self._connections -= 1

    async def _speak(self, websocket: ServerConnection) -> None:
        token, idle_s = self._address.token, self._settings.idle_s
        session = Session(self._rate, idle_s=idle_s, token=token, now_s=time.monotonic())
        connection = Connection(websocket, session, source=self.name, patient=self._patient, on_sound=self.changed.set)
        self.connection = connection
        if self._listening:
            connection.listen()
        try:
            await connection.serve()
            if self._listening and not self._ended:
                await connection.heard_out.wait()
        finally:
            self._unsent += connection.unsent
            self.connection = None
            if session.hello is not None:
                log.info("%s is gone: %s", connection.who, _ending(websocket))


def _bind(address: ListenAddress) -> socket.socket:
    """Takes the port, so that it is known and ours; who connects before the server is entered waits for it."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, where = min(found, key=lambda one: one[0] != socket.AF_INET)
        taken = socket.socket(family, kind, protocol)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(where)
        taken.listen(MAX_CONNECTIONS)
    except OSError as error:
        msg = f"{address.url()} cannot be listened on: {error.strerror or error}"
        raise UsageError(msg, hint="another program may use the port; ws://HOST:0 takes a free one") from None
    return taken


def _ending(websocket: ServerConnection) -> str:
    return f"{websocket.close_code} {websocket.close_reason or ''}".rstrip()
