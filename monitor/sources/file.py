"""A sound file, played as if it were being spoken."""

import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self

import numpy as np

from core.model import SAMPLE_RATE_HZ
from core.sound.audio import AudioFile
from monitor.backlog import BACKLOG_S
from monitor.sources.pace import Pace
from monitor.sources.source import BLOCK_S, AudioBlock, Speed


class FileSource:
    """Plays a sound file of any length, rate and channel count. Implements `Source`.

    The file's clock starts when the first block is asked for. A consumer that comes late gets what is due at once, as
    from a microphone; a block that has waited for more than 30 s of sound is lost and counted. At speed "max" the file
    waits instead.

    Args:
        path: The file.
        speed: Multiple of real time, or "max".
        pace: In place of a clock of the given speed.

    Attributes:
        path: The file.
        bad_samples: Samples so far that were not numbers; they were played as silence.

    Raises:
        UsageError, AudioError: See `core.sound.audio.AudioFile`.
    """

    def __init__(self, path: Path, *, speed: Speed = 1.0, pace: Pace | None = None) -> None:
        AudioFile(path).close()  # a file that cannot be played is better found before everything else starts
        self.name = f"file:{path.name}"
        self.label: str | None = None
        self.realtime = speed != "max"
        self.notices: list[str] = []
        self.bad_samples = 0
        self.path = path
        self._pace = pace or Pace(speed)

    async def __aenter__(self) -> Self:
        self._audio = AudioFile(self.path)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._audio.close()

    def hold(self, *, held: bool) -> bool:
        """See `Source`: it goes on where it was."""
        self._pace.hold(held=held)
        return True

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        """See `Source`."""
        position = lost = 0
        try:
            for samples in self._audio.blocks(BLOCK_S):
                position += len(samples)
                self.bad_samples = self._audio.bad_samples
                await self._pace.wait_until(position)
                if position <= self._oldest_kept():
                    lost += len(samples)
                    continue
                yield AudioBlock(samples, lost)
                lost = 0
        finally:
            self.notices += [f"{self.name}: {line}" for line in self._audio.notices]
        if lost:
            yield AudioBlock(np.empty(0, np.int16), lost)

    def _oldest_kept(self) -> float:
        """Where the sound begins that is still kept; nothing pushes it out once the file has ended."""
        if not self.realtime:
            return 0
        duration_s = self._audio.duration_s
        end = math.inf if duration_s is None else duration_s * SAMPLE_RATE_HZ
        return min(self._pace.position(), end) - BACKLOG_S * SAMPLE_RATE_HZ
