"""Frames of sound that wait for the segmenter's decision.

Adjacent frames with one verdict are held as one run: dozens of frames a second come for as long as the program runs,
and an object for each would cost more than the detector does.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ

SAMPLE_BYTES = 2


class Run(NamedTuple):
    """Adjacent frames on which the detector's verdict is the same: int16 sound, as bytes.

    `samples` is its length, `frame` that of each frame. `lost` marks zeros in place of sound that the capture lost;
    they count as dropped already.
    """

    sound: bytes
    samples: int
    frame: int
    voiced: bool
    lost: bool = False

    @property
    def counted(self) -> int:
        """Samples whose fate is still to be counted."""
        return 0 if self.lost else self.samples

    def split(self, samples: int) -> tuple["Run", "Run"]:
        """Two runs, the first with so many samples: a whole number of frames."""
        sound, length, frame, voiced, lost = self
        at = samples * SAMPLE_BYTES
        return Run(sound[:at], samples, frame, voiced, lost), Run(sound[at:], length - samples, frame, voiced, lost)

    def powers(self) -> list[float]:
        """Sum of the squared samples, of each frame."""
        samples = np.frombuffer(self.sound, np.int16).astype(np.float64).reshape(-1, self.frame)
        powers: list[float] = (samples**2).sum(axis=1).tolist()
        return powers


def samples_in(ms: int) -> int:
    """Samples that last so long."""
    return ms * SAMPLE_RATE_HZ // 1000


def runs_of(sound: bytes, verdicts: Iterable[bool], frame: int) -> Iterator[Run]:
    """Sound of whole frames, cut where the verdict changes."""
    flags, size = bytes(verdicts), frame * SAMPLE_BYTES
    start = 0
    while start < len(flags):
        end = flags.find(not flags[start], start)
        end = len(flags) if end < 0 else end
        yield Run(sound[start * size : end * size], (end - start) * frame, frame, voiced=bool(flags[start]))
        start = end


def joined(runs: Iterable[Run]) -> NDArray[np.int16]:
    """The sound of adjacent runs, in memory of its own."""
    return np.frombuffer(bytearray().join([run.sound for run in runs]), np.int16)


class HeldFrames:
    """A queue of adjacent frames. All lengths are in samples.

    Attributes:
        runs: The frames, oldest first.
        start: Position of the first held sample in the stream; when nothing is held, of the next one.
        length: Samples held.
        voiced: Samples of voiced frames.
        voiced_end: Where the last voiced frame ends, counted from `start`; 0 without one.
    """

    def __init__(self) -> None:
        self.runs: deque[Run] = deque()
        self.start = 0
        self.length = 0
        self.voiced = 0
        self.voiced_end = 0

    @property
    def end(self) -> int:
        """Position just after the last held sample."""
        return self.start + self.length

    @property
    def trailing(self) -> int:
        """Samples since the last voiced frame."""
        return self.length - self.voiced_end

    def append(self, run: Run) -> None:
        """Adds the next frames."""
        size = run.samples
        self.runs.append(run)
        self.length += size
        if run.voiced:
            self.voiced += size
            self.voiced_end = self.length

    def pop(self, samples: int) -> list[Run]:
        """Removes the oldest frames that begin within the first `samples`."""
        popped = []
        while self.runs and samples > 0:
            run = self.runs.popleft()
            size = run.samples
            if size > (whole := -(-samples // run.frame) * run.frame):
                size = whole
                run, rest = run.split(whole)
                self.runs.appendleft(rest)
            popped.append(run)
            samples -= size
            self.start += size
            self.length -= size
            self.voiced -= size * run.voiced
            self.voiced_end = max(self.voiced_end - size, 0)
        return popped

    def skip(self, samples: int) -> None:
        """Moves the position on; only while nothing is held."""
        self.start += samples

    def first(self, samples: int) -> list[Run]:
        """The frames that lie wholly within the first `samples`."""
        runs: list[Run] = []
        for run in self.runs:
            if run.samples > samples:
                whole, _ = run.split(samples // run.frame * run.frame)
                return [*runs, whole] if whole.sound else runs
            runs.append(run)
            samples -= run.samples
        return runs

    def voiced_in_last(self, samples: int) -> int:
        """Voiced samples among the frames that reach into the last `samples`."""
        voiced = 0
        for run in reversed(self.runs):
            if samples <= 0:
                break
            reaching = min(run.samples, -(-samples // run.frame) * run.frame)
            samples -= reaching
            voiced += reaching * run.voiced
        return voiced
