"""Raw samples from standard input."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Self

import numpy as np

from core.errors import AudioError, UsageError
from core.model import SAMPLE_RATE_HZ
from core.sound.container import Beginning
from monitor.sources.pace import Pace
from monitor.sources.source import BLOCK_S, AudioBlock, Speed

_READ_BYTES = 1 << 16
_BLOCK_BYTES = 2 * round(BLOCK_S * SAMPLE_RATE_HZ)

_HINT = "raw s16le at 16 kHz mono is expected; ffmpeg -i FILE -f s16le -ar 16000 -ac 1 - makes it"

_HEADROOM = 1.01
"""A live sender's clock may run faster than ours; playing 1 % fast never holds it up."""

_PIPE_SAMPLES = 1 << 15
"""What a pipe holds. A live sender may have filled it while the program started, so that much is due at once."""


class StdinSource:
    """Little-endian int16 at 16 kHz mono from a pipe or file. Implements `Source`.

    A sender that is faster than `speed` is made to wait, once it is a pipe's content ahead; nothing is ever lost.

    Args:
        speed: At most this multiple of real time; "max" reads as fast as the consumer takes it.
        fd: File descriptor to read; it is not closed.
        pace: In place of a clock of the given speed.

    Raises:
        UsageError: The input is a terminal.
    """

    def __init__(self, *, speed: Speed = 1.0, fd: int = 0, pace: Pace | None = None) -> None:
        self.name = "stdin"
        self.label: str | None = None
        self.realtime = speed != "max"
        self.notices: list[str] = []
        self._fd = fd
        self._pace = pace or Pace(speed if speed == "max" else speed * _HEADROOM)
        if os.isatty(fd):
            msg = "standard input is a terminal"
            raise UsageError(msg, hint=_HINT)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    def hold(self, *, held: bool) -> bool:  # noqa: ARG002 - see `Source`
        """See `Source`: the sender may be live, except at speed "max"."""
        return not self.realtime

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        """See `Source`.

        Raises:
            UsageError: The input begins like a sound file, compressed or with a header.
            AudioError: The input is closed, broken or empty.
        """
        waiting = b""
        beginning = Beginning()
        position = 0
        while data := await self._read():
            waiting += data
            _refuse_file(beginning.push(data))
            whole = len(waiting) - len(waiting) % _BLOCK_BYTES
            for start in range(0, whole, _BLOCK_BYTES):
                position += _BLOCK_BYTES // 2
                await self._pace.wait_until(position - _PIPE_SAMPLES)
                yield _block(waiting[start : start + _BLOCK_BYTES])
            waiting = waiting[whole:]
        _refuse_file(beginning.end())
        if len(waiting) % 2:
            self.notices.append("stdin ended in the middle of a sample; its last byte was dropped")
        if len(waiting) > 1:
            yield _block(waiting[: len(waiting) // 2 * 2])
        elif position == 0:
            msg = "standard input holds no sound"
            raise AudioError(msg, hint=_HINT)

    async def _read(self) -> bytes:
        try:
            await _readable(self._fd)
            return os.read(self._fd, _READ_BYTES)
        except OSError as error:
            msg = f"standard input cannot be read: {error.strerror}"
            raise AudioError(msg) from error


async def _readable(fd: int) -> None:
    """Waits until a read does not block."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    with suppress(PermissionError):  # a regular file cannot be waited for, and need not be
        loop.add_reader(fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(fd)


def _refuse_file(kind: str | None) -> None:
    if kind:
        msg = f"standard input looks like {kind}"
        raise UsageError(msg, hint=_HINT)


def _block(data: bytes) -> AudioBlock:
    return AudioBlock(np.frombuffer(data, "<i2").astype(np.int16))
