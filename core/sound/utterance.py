"""One stretch of speech between pauses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Utterance:
    """Speech cut out of a stream; positions count samples from the stream's start.

    `number` counts utterances of the stream from 0; interim versions share it with the final one. `hangover` is the
    silence, in samples, that the segmenter waited for after the last voiced frame before it called the utterance over
    (0 for interim and forced cuts); the first part of it is kept in `samples` as padding.
    """

    number: int
    start: int
    samples: NDArray[np.int16]
    final: bool
    hangover: int = 0

    @property
    def end(self) -> int:
        """Position just after the last sample."""
        return self.start + len(self.samples)

    @property
    def start_s(self) -> float:
        """Start in seconds of the stream's clock."""
        return self.start / SAMPLE_RATE_HZ

    @property
    def end_s(self) -> float:
        """End in seconds of the stream's clock."""
        return self.end / SAMPLE_RATE_HZ
