"""An HTTP server on 127.0.0.1 that gives the last health event as Prometheus reads it."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.metadata import version
from socketserver import TCPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

import psutil
from prometheus_client import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from core.errors import UsageError
from core.wire.health import HealthEvent
from monitor.metrics.families import PREFIX, families

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
PATH = "/metrics"
STALE_S = 15.0
"""Health is made every second; when the last is older, the program hangs, and its numbers are not given as if new."""
TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
"""The exposition format that every Prometheus reads."""
CLIENT_S = 5.0
"""A client that says or reads nothing for so long is let go; the next one waits for that, and nobody else."""


class Reply(NamedTuple):
    """What a client gets."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class MetricsServer:
    """Serves `GET /metrics` while it is entered, one client after the other, in a thread of its own.

    A request that names another host than this machine is refused: a web page can let its own name lead here, and
    would then see when someone speaks. Before the first health event, and once the last is too old, there is no answer
    but 503.

    Args:
        port: Where to listen; 0 is any free one.
        clock: Monotonic, in seconds.

    Raises:
        UsageError: On entering: it cannot listen there.
    """

    def __init__(self, port: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._port = port
        self._clock = clock
        self._last: tuple[HealthEvent, float] | None = None
        self._process = psutil.Process()
        self._server: _Server

    def __enter__(self) -> Self:
        try:
            self._server = _Server((HOST, self._port), self._reply)
        except OSError as error:
            msg = f"metrics.port = {self._port}: cannot listen on {HOST}: {error.strerror or error}"
            hint = "another program, or another run of this one, may use the port; 0 turns metrics off"
            raise UsageError(msg, hint=hint) from None
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()
        threading.Thread(target=self._server.shutdown, daemon=True).start()  # it waits for the client of the moment

    @property
    def url(self) -> str:
        """For Prometheus."""
        return f"http://{HOST}:{self._server.server_address[1]}{PATH}"

    def tell(self, event: HealthEvent) -> None:
        """Serves this one from now on."""
        self._last = event, self._clock()

    def _reply(self, path: str, host: str) -> Reply:
        if host not in {f"{name}:{self._server.server_address[1]}" for name in (HOST, "localhost")}:
            return Reply(HTTPStatus.FORBIDDEN, b"ask for 127.0.0.1 by that name\n")
        if path != PATH:
            return Reply(HTTPStatus.NOT_FOUND, f"there is {PATH}\n".encode())
        if self._last is None:
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE, b"there are no numbers yet\n")
        event, told_s = self._last
        age_s = self._clock() - told_s
        if age_s > STALE_S:
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE, f"the program hangs: no health for {age_s:.0f} s\n".encode())
        metrics = [*self._own(), *families(event)]
        return Reply(HTTPStatus.OK, generate_latest(_Collected(metrics)), TEXT_FORMAT)

    def _own(self) -> Iterable[Metric]:
        """What no health event says."""
        yield InfoMetricFamily(f"{PREFIX}_build", "Which program this is.", {"version": version("emotion-monitor")})
        if hasattr(self._process, "num_fds"):  # not on Windows
            text = "Open files, sockets and pipes of the program without the worker."
            yield GaugeMetricFamily(f"{PREFIX}_open_descriptors", text, self._process.num_fds())


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


class _Server(TCPServer):
    """As http.server's own, which asks for the name of this machine first, and may wait for a name server."""

    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], reply: Callable[[str, str], Reply]) -> None:
        self.reply = reply
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - its base names them
        """Keeps clients that leave in the middle off standard error."""
        log.debug("a request for metrics failed", exc_info=True)  # noqa: LOG014 - it is called while one is handled


class _Handler(BaseHTTPRequestHandler):
    timeout = CLIENT_S
    server: _Server

    def do_GET(self) -> None:
        reply = self.server.reply(self.path.partition("?")[0], self.headers.get("Host", ""))
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as its base has it
        log.debug(format, *args)
