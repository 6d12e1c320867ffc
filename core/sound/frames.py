"""Frames of sound that wait for the segmenter's decision."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A few milliseconds of int16 samples and the detector's verdict on them.

    `lost` marks zeros in place of sound that the capture lost; they count as dropped already.
    """

    samples: NDArray[np.int16]
    voiced: bool
    lost: bool = False

    @property
    def counted(self) -> int:
        """Samples whose fate is still to be counted."""
        return 0 if self.lost else len(self.samples)

    @property
    def power(self) -> float:
        """Mean of the squared samples."""
        return float(np.mean(self.samples.astype(np.float64) ** 2))


class HeldFrames:
    """A queue of adjacent frames. All lengths are in samples.

    Attributes:
        frames: The frames, oldest first.
        start: Position of the first held sample in the stream; when nothing is held, of the next one.
        length: Samples held.
        voiced: Samples of voiced frames.
        voiced_end: Where the last voiced frame ends, counted from `start`; 0 without one.
    """

    def __init__(self) -> None:
        self.frames: deque[Frame] = deque()
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

    def append(self, frame: Frame) -> None:
        """Adds the next frame."""
        self.frames.append(frame)
        self.length += len(frame.samples)
        if frame.voiced:
            self.voiced += len(frame.samples)
            self.voiced_end = self.length

    def pop(self) -> Frame:
        """Removes the oldest frame."""
        frame = self.frames.popleft()
        size = len(frame.samples)
        self.start += size
        self.length -= size
        self.voiced -= size * frame.voiced
        self.voiced_end = max(self.voiced_end - size, 0)
        return frame

    def skip(self, samples: int) -> None:
        """Moves the position on; only while nothing is held."""
        self.start += samples

    def first(self, samples: int) -> list[Frame]:
        """The frames that lie wholly within the first `samples`."""
        frames = []
        for frame in self.frames:
            samples -= len(frame.samples)
            if samples < 0:
                break
            frames.append(frame)
        return frames

    def voiced_in_last(self, samples: int) -> int:
        """Voiced samples among the frames that reach into the last `samples`."""
        voiced = 0
        for frame in reversed(self.frames):
            if samples <= 0:
                break
            samples -= len(frame.samples)
            voiced += len(frame.samples) * frame.voiced
        return voiced
