"""Events as JSON, one a line, on standard output or in a file."""

import asyncio
import logging
import os
import queue
import select
import stat
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from core.errors import UsageError
from core.events import Event, SinkHealth, UtteranceEvent, encode
from core.settings import OutputSettings

logger = logging.getLogger(__name__)

QUEUE_LINES = 1000
DRAIN_S = 3.0
HURRIED_DRAIN_S = 0.5


def jsonl_target(spec: str) -> Path | None:
    """The file that `jsonl:PATH` names, or None for `jsonl`, which is standard output.

    Raises:
        UsageError: Neither of the two.
    """
    kind, separator, path = spec.partition(":")
    if kind != "jsonl" or (separator and not path):
        msg = f"output.sinks: unknown sink {spec!r}"
        raise UsageError(msg, hint="known: jsonl (standard output), jsonl:PATH")
    return Path(path).expanduser() if path else None


class JsonlSink:
    """Writes the events that `output.jsonl_events` names; interim readings only with `output.jsonl_interim`.

    The bound is a queue of `QUEUE_LINES` lines between `send` and a thread that does the writing, because a write to
    a pipe that nobody reads blocks. When the queue is full, `send` drops the oldest line and counts it; with
    `lossless` it waits for room instead, so that an unpaced file loses nothing to a slow reader.

    Each line is written at once: nothing stays in a buffer of this process. A reader that goes away (`| head`) ends
    the sink quietly: state `closed`, later events counted as dropped. A full disk degrades it until a write works
    again; a line that the failure cut in two is then completed first, so that every line stays one event.

    Standard output is taken over while the sink is open: whatever else in the process prints, libraries written in C
    included, lands on standard error.

    Args:
        spec: `jsonl` or `jsonl:PATH`, which is appended to.
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
        self._lines: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_LINES)
        self._room = asyncio.Event()
        self._taken = 0  # lines that left the queue
        self._handled = 0  # lines written or given up
        self._cut = b""  # the rest of a line that a failed write cut in two
        self._dropped = 0
        self._trouble: str | None = None
        self._closed: str | None = None
        self._output: _Output
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._output = _Output(_take_over_stdout() if self._path is None else _open(self._path))
        self._task = asyncio.create_task(self._write_all(), name=self.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._drain()
        self._task.cancel()
        await asyncio.wait([self._task])
        lost = self._lines.qsize() + self._taken - self._handled + bool(self._cut)
        self._dropped += lost
        if lost:
            logger.warning("%s: closed with %d events not written", self.name, lost)
        if self._path is None:
            _give_back_stdout(self._output.fd, reader_gone=self._closed is not None)
        await self._output.close(stuck=self._taken > self._handled)
        self._closed = self._closed or "closed"

    @property
    def failed(self) -> bool:
        """Whether events were lost because they could not be written."""
        return self._dropped > 0 and self._trouble is not None

    async def send(self, event: Event) -> None:
        """Queues the event's line; waits for room only when the sink is lossless and its writes succeed."""
        if not self._wants(event):
            return
        if self._closed:
            self._dropped += 1
            return
        line = encode(event) + b"\n"
        while self._lines.full() and self._lossless and not self._trouble and not self._closed:
            self._room.clear()
            await self._room.wait()
        if self._lines.full():
            self._lines.get_nowait()
            self._lines.task_done()
            self._dropped += 1
        self._lines.put_nowait(line)

    def hurry(self) -> None:
        """Ends `lossless`, for who waits already too."""
        self._lossless = False
        self._drain_s = min(self._drain_s, HURRIED_DRAIN_S)
        self._room.set()

    def health(self) -> SinkHealth:
        """`closed` while the sink is still open means that the reader has gone away."""
        target = "standard output" if self._path is None else str(self._path)
        return SinkHealth(
            name=self.name,
            state="closed" if self._closed else "degraded" if self._trouble else "ok",
            detail=self._closed or self._trouble or f"writing to {target}",
            queued=self._lines.qsize(),
            dropped=self._dropped,
        )

    def _wants(self, event: Event) -> bool:
        if isinstance(event, UtteranceEvent) and not (event.final or self._interim):
            return False
        return event.schema.split("/")[1] in self._kinds

    async def _write_all(self) -> None:
        while True:
            line = await self._lines.get()
            self._room.set()
            self._taken += 1
            if self._closed:
                self._dropped += 1
            else:
                await self._write(line)
            self._handled += 1
            self._lines.task_done()
            self._room.set()

    async def _write(self, line: bytes) -> None:
        rest, error = await self._output.write(self._cut + line)
        if error is None:
            self._cut = b""
            self._report(None)
        elif isinstance(error, BrokenPipeError):
            self._closed = "the reader closed the pipe"
            self._dropped += 1 + bool(self._cut)
            self._cut = b""
        else:
            if len(rest) >= len(line):  # nothing of this line got out: drop it whole
                rest = rest[: len(rest) - len(line)]
                self._dropped += 1
            self._cut = rest
            self._report(f"cannot write: {error.strerror}")

    def _report(self, trouble: str | None) -> None:
        if trouble and trouble != self._trouble:
            logger.warning("%s: %s", self.name, trouble)
        self._trouble = trouble

    async def _drain(self) -> None:
        emptied = asyncio.create_task(self._lines.join())
        while True:
            before = self._handled
            done, _ = await asyncio.wait([emptied], timeout=self._drain_s)
            if done or not self._lossless or self._handled == before:
                break
        emptied.cancel()


class _Output:
    """A file descriptor and the thread that may block on it; a stuck thread does not keep the process alive."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._jobs: queue.SimpleQueue[tuple[bytes, asyncio.Future[_Written]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="jsonl", daemon=True)
        self._thread.start()

    async def write(self, data: bytes) -> "_Written":
        """Writes all of `data`, or returns what is left of it and why."""
        future: asyncio.Future[_Written] = asyncio.get_running_loop().create_future()
        self._jobs.put((data, future))
        return await future

    async def close(self, *, stuck: bool) -> None:
        """Closes the descriptor; a thread stuck in a write does so itself, if it ever returns."""
        self._jobs.put(None)
        if not stuck:
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            data, future = job
            written = _write_fully(self.fd, data)
            with suppress(RuntimeError):  # the loop has closed meanwhile
                future.get_loop().call_soon_threadsafe(_resolve, future, written)
        os.close(self.fd)


_Written = tuple[bytes, OSError | None]


def _resolve(future: "asyncio.Future[_Written]", written: _Written) -> None:
    if not future.done():
        future.set_result(written)


def _write_fully(fd: int, data: bytes) -> _Written:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:  # someone who shares the pipe made it non-blocking
            select.select([], [fd], [])
        except OSError as error:
            return data, error
    return data, None


def _open(path: Path) -> int:
    try:
        # Non-blocking, so that a FIFO without a reader is an error here and not a program that hangs.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o666)
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
