"""Lines on their way to a file or a pipe: bounded, in order, and written by a thread that may block."""

import asyncio
import logging
import os
import queue
import select
import threading
from contextlib import suppress

from core import tasks

logger = logging.getLogger(__name__)

DRAIN_S = 3.0
HURRIED_DRAIN_S = 0.5


class LineWriter:
    """A queue of lines between the event loop and the thread that writes them, because a write may block.

    When the queue is full, `put` drops the oldest line and counts it; with `lossless` it waits for room instead.

    A line goes out at once or, with `gather_s`, together with those that follow within that time. A reader that goes
    away ends the writing. A full disk degrades it until a write works again; a line that the failure cut in two is then
    completed first, so that lines stay whole.

    Args:
        name: For the log.
        fd: Where to write; it is closed with the writer.
        bound: Lines that may wait.
        gather_s: Time in which lines come together; they do not wait for it when half the bound is taken.
        lossless: Let `put` wait for room.
        drain_s: At closing, how long a slow reader gets: in all, or with `lossless` for each write.

    Attributes:
        dropped: Lines lost.
        trouble: Why the last write failed, if it did.
        closed: Why nothing is written any more, if so.
    """

    def __init__(
        self,
        name: str,
        fd: int,
        *,
        bound: int,
        gather_s: float = 0.0,
        lossless: bool = False,
        drain_s: float = DRAIN_S,
    ) -> None:
        self.dropped = 0
        self.trouble: str | None = None
        self.closed: str | None = None
        self._name = name
        self._output = _Output(fd)
        self._gather_s = gather_s
        self._lossless = lossless
        self._drain_s = drain_s
        self._lines: asyncio.Queue[bytes] = asyncio.Queue(bound)
        self._room = asyncio.Event()
        self._now = asyncio.Event()  # no more gathering: it is enough, or the end
        self._taken = 0  # lines that left the queue
        self._handled = 0  # lines written or given up
        self._cut = b""  # the rest of a line that a failed write cut in two
        self._task = tasks.keep(self._write_all, name=name)

    @property
    def queued(self) -> int:
        """Lines that wait."""
        return self._lines.qsize()

    async def put(self, line: bytes) -> None:
        """Queues a line, its newline included; waits for room only when lossless and while writes succeed."""
        if self.closed:
            self.dropped += 1
            return
        while self._lines.full() and self._lossless and not self.trouble and not self.closed:
            self._room.clear()
            await self._room.wait()
        if self._lines.full():
            self._lines.get_nowait()
            self._lines.task_done()
            self.dropped += 1
        self._lines.put_nowait(line)
        if 2 * self._lines.qsize() >= self._lines.maxsize:
            self._now.set()

    def hurry(self) -> None:
        """Ends `lossless`, for who waits already too."""
        self._lossless = False
        self._drain_s = min(self._drain_s, HURRIED_DRAIN_S)
        self._room.set()

    async def close(self) -> None:
        """Writes what waits, for a bounded time, and counts the rest; the descriptor is closed."""
        self._gather_s = 0.0
        self._now.set()
        await self._drain()
        self._task.cancel()
        await asyncio.wait([self._task])
        lost = self._lines.qsize() + self._taken - self._handled + bool(self._cut)
        self.dropped += lost
        if lost:
            logger.warning("%s: closed with %d events not written", self._name, lost)
        await self._output.close(stuck=self._taken > self._handled)

    async def _write_all(self) -> None:
        while True:
            lines = [await self._lines.get()]
            if self._gather_s:
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._gather_s):
                        await self._now.wait()
                self._now.clear()
                while not self._lines.empty():
                    lines.append(self._lines.get_nowait())
            self._room.set()
            self._taken += len(lines)
            if self.closed:
                self.dropped += len(lines)
            else:
                await self._write(lines)
            self._handled += len(lines)
            for _ in lines:
                self._lines.task_done()
            self._room.set()

    async def _write(self, lines: list[bytes]) -> None:
        rest, error = await self._output.write(self._cut + b"".join(lines))
        if error is None:
            self._cut = b""
            self._report(None)
        elif isinstance(error, BrokenPipeError):
            self.closed = "the reader closed the pipe"
            self.dropped += _unfinished(lines, rest) + bool(self._cut)
            self._cut = b""
        else:
            self._keep_whole(lines, rest)
            self._report(f"cannot write: {error.strerror}")

    def _keep_whole(self, lines: list[bytes], rest: bytes) -> None:
        """Drops the lines of which nothing got out, and keeps the rest of the one that was cut in two."""
        untouched = 0
        for line in reversed(lines):
            if len(rest) < untouched + len(line):
                break
            untouched += len(line)
            self.dropped += 1
        self._cut = rest[: len(rest) - untouched]

    def _report(self, trouble: str | None) -> None:
        if trouble and trouble != self.trouble:
            logger.warning("%s: %s", self._name, trouble)
        self.trouble = trouble

    async def _drain(self) -> None:
        emptied = asyncio.create_task(self._lines.join())
        while True:
            before = self._handled
            done, _ = await asyncio.wait([emptied], timeout=self._drain_s)
            if done or not self._lossless or self._handled == before:
                break
        emptied.cancel()


def _unfinished(lines: list[bytes], rest: bytes) -> int:
    """How many of the lines are not wholly written when `rest` is left over."""
    ends, count = 0, 0
    for line in reversed(lines):
        if ends >= len(rest):
            break
        ends += len(line)
        count += 1
    return count


class _Output:
    """A file descriptor and the thread that may block on it; a stuck thread does not keep the process alive."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._jobs: queue.SimpleQueue[tuple[bytes, asyncio.Future[_Written]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="lines", daemon=True)
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
            written = _write_fully(self._fd, data)
            with suppress(RuntimeError):  # the loop has closed meanwhile
                future.get_loop().call_soon_threadsafe(_resolve, future, written)
        os.close(self._fd)


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
