"""What systemd is told of a service: that it listens, that it lives, that it stops (sd_notify(3)).

The notices are made from health events, so that they stop when those do: a program whose event loop hangs, or that
reads nothing of what it hears, is started again.
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from core.settings import WorkerSettings
from core.wire.health import HealthEvent
from monitor.progress import Progress, longest_reading_s

log = logging.getLogger(__name__)

PINGS = 4
"""Signs of life in the time after which systemd gives up waiting for one."""
_OPEN = {"listening", "paused", "ended"}
"""States of a stream that has been opened, which is done once the model is ready."""


class ServiceNotices:
    """Tells systemd how the program is doing. Without systemd, or where this is not the service, it says nothing.

    `READY=1` is sent when the first source gives sound to a model that is ready, `WATCHDOG=1` with health events while
    there is progress, `STOPPING=1` once.

    Args:
        worker: Time limits of readings.
        environ: Says where systemd listens (NOTIFY_SOCKET) and how often it wants to hear (WATCHDOG_USEC).
        clock: Monotonic, in seconds.
    """

    def __init__(
        self,
        worker: WorkerSettings,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self._every_s = _watchdog_s(environ) / PINGS
        self._clock = clock
        self._progress = Progress(longest_reading_s(worker))
        self._socket: socket.socket | None = None
        self._ready = self._stopping = self._stuck = False
        self._status = ""
        self._next_ping_s = 0.0

    def __enter__(self) -> Self:
        if self._address is not None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.setblocking(False)  # noqa: FBT003 - its only argument
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping()
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def tell(self, event: HealthEvent) -> None:
        """Says what follows from a health event; never waits."""
        now_s = self._clock()
        if self._progress.stands_still(event, now_s):
            if not self._stuck:
                log.error("no utterance has been read for too long, though some wait: no more signs of life to systemd")
            self._stuck = True
            return
        self._stuck = False
        if not self._ready and any(stream.state in _OPEN for stream in event.streams):
            self._ready = self._send("READY=1")
        status = _status(event)
        if status != self._status and self._send(f"STATUS={status}"):
            self._status = status
        if self._every_s and now_s >= self._next_ping_s and self._send("WATCHDOG=1"):
            self._next_ping_s = now_s + self._every_s

    def stopping(self) -> None:
        """The program is about to end."""
        if not self._stopping:
            self._stopping = self._send("STOPPING=1")

    def _send(self, notice: str) -> bool:
        """Whether systemd has it. What it could not take is said again with the next health event."""
        if self._socket is None or self._address is None:
            return False
        with suppress(OSError):
            self._socket.sendto(notice.encode(), self._address)
            return True
        log.debug("systemd did not take %s", notice)
        return False


def _address(spec: str) -> str | None:
    """The socket's address; `@` stands for the NUL byte with which abstract ones begin."""
    if spec and spec[0] not in "/@":
        log.warning("NOTIFY_SOCKET=%r is no path: systemd is told nothing", spec)
    return "\0" + spec[1:] if spec[:1] == "@" else spec if spec[:1] == "/" else None


def _watchdog_s(environ: Mapping[str, str]) -> float:
    """Longest time between two signs of life; 0: none are wanted of this process."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    try:
        return int(environ.get("WATCHDOG_USEC", "0")) / 1e6
    except ValueError:
        return 0.0


def _status(event: HealthEvent) -> str:
    """One line for `systemctl status`; of no person, as with metrics."""
    listening = sum(stream.state == "listening" for stream in event.streams)
    model = "ready" if event.worker.state == "busy" else event.worker.state  # not a message for each reading
    return f"{listening} of {len(event.streams)} streams listening, model {model}"
