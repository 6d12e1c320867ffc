"""Events as JSON, one a line, on standard output or in a file."""

import os
import stat
import sys
from pathlib import Path
from typing import Self

from core.errors import UsageError
from core.settings import OutputSettings
from core.user_path import user_path
from core.wire.events import Event, UtteranceEvent, encode
from core.wire.health import SinkHealth
from monitor.sinks.lines import DRAIN_S, LineWriter

QUEUE_LINES = 1000


def jsonl_target(spec: str) -> Path | None:
    """The file that `jsonl:PATH` names, or None for `jsonl`, which is standard output.

    Raises:
        UsageError: Neither of the two, or no file can have that name.
    """
    kind, separator, path = spec.partition(":")
    if kind != "jsonl" or (separator and not path):
        msg = f"output.sinks: unknown sink {spec!r}"
        raise UsageError(msg, hint="known: jsonl (standard output), jsonl:PATH")
    return user_path("output.sinks", path) if path else None


class JsonlSink:
    """Writes the events that `output.jsonl_events` names; interim readings only with `output.jsonl_interim`.

    At most `QUEUE_LINES` lines wait for a slow reader, see LineWriter; with `lossless`, `send` waits for room instead,
    so that an unpaced file loses nothing. Each line is written at once. A reader that goes away (`| head`) ends the
    sink quietly: state `closed`, later events counted as dropped. A full disk degrades it until a write works again.

    Standard output is taken over while the sink is open: whatever else in the process prints, libraries written in C
    included, lands on standard error.

    Args:
        spec: `jsonl` or `jsonl:PATH`, which is appended to; only the user may read a file that is made.
        settings: Which events to write.
        lossless: Let `send` wait for room. For sources that can wait.
        drain_s: At closing, how long a slow reader gets: in all, or with `lossless` for each line.

    Raises:
        UsageError: Unknown spec; on entering: a file that cannot be opened.
    """

    def __init__(
        self, spec: str, settings: OutputSettings, *, lossless: bool = False, drain_s: float = DRAIN_S
    ) -> None:
        self.name = spec
        self._path = jsonl_target(spec)
        self._kinds = frozenset(settings.jsonl_events)
        self._interim = settings.jsonl_interim
        self._lossless = lossless
        self._drain_s = drain_s
        self._closed: str | None = None
        self._fd: int
        self._writer: LineWriter

    async def __aenter__(self) -> Self:
        self._fd = _take_over_stdout() if self._path is None else _open(self._path)
        self._writer = LineWriter(
            self.name, self._fd, bound=QUEUE_LINES, lossless=self._lossless, drain_s=self._drain_s
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        spare = os.dup(self._fd) if self._path is None else None
        await self._writer.close()
        if spare is not None:
            _give_back_stdout(spare, reader_gone=self._writer.closed is not None)
            os.close(spare)
        self._closed = self._writer.closed or "closed"

    @property
    def failed(self) -> bool:
        """Whether events were lost because they could not be written."""
        return self._writer.dropped > 0 and self._writer.trouble is not None

    async def send(self, event: Event) -> None:
        """Queues the event's line; waits for room only when the sink is lossless and its writes succeed."""
        if self._wants(event):
            await self._writer.put(encode(event) + b"\n")

    def hurry(self) -> None:
        """Ends `lossless`, for who waits already too."""
        self._writer.hurry()

    def health(self) -> SinkHealth:
        """`closed` while the sink is still open means that the reader has gone away."""
        target = "standard output" if self._path is None else str(self._path)
        closed = self._closed or self._writer.closed
        return SinkHealth(
            name=self.name,
            state="closed" if closed else "degraded" if self._writer.trouble else "ok",
            detail=closed or self._writer.trouble or f"writing to {target}",
            queued=self._writer.queued,
            dropped=self._writer.dropped,
        )

    def _wants(self, event: Event) -> bool:
        if isinstance(event, UtteranceEvent) and not (event.final or self._interim):
            return False
        return event.schema.split("/")[1] in self._kinds


def _open(path: Path) -> int:
    try:
        # Non-blocking, so that a FIFO without a reader is an error here and not a program that hangs.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o600)
        os.set_blocking(fd, True)
        if stat.S_ISREG(os.fstat(fd).st_mode) and _ends_within_a_line(path):
            os.write(fd, b"\n")
    except OSError as error:
        msg = f"output.sinks: cannot write {path}: {error.strerror}"
        raise UsageError(msg) from error
    return fd


def _ends_within_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        return size > 0 and os.pread(file.fileno(), 1, size - 1) != b"\n"


def _take_over_stdout() -> int:
    sys.stdout.flush()
    try:
        fd = os.dup(1)
    except OSError as error:
        msg = "output.sinks: jsonl writes to standard output, which is closed"
        raise UsageError(msg, hint="name a file instead: jsonl:PATH") from error
    os.dup2(2, 1)
    return fd


def _give_back_stdout(fd: int, *, reader_gone: bool) -> None:
    sys.stdout.flush()
    if reader_gone:  # whatever is printed later must not fail
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
    else:
        os.dup2(fd, 1)
