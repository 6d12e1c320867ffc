"""Whether something grows, from samples of it: pure arithmetic, and how sure it is of what it says."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

BLOCKS = 24
"""Samples are taken together in so many stretches of time, each by its median: neighbours say nearly the same, and an
interval that took each for news would be far too narrow."""
FEWEST = 8
"""Samples, below which nothing is said."""

_Z = 1.96
"""Of the normal distribution, for 95 %."""

Verdict: TypeAlias = Literal["within", "beyond", "undecided"]


@dataclass(frozen=True, slots=True)
class Trend:
    """Growth per day, and where it lies with 95 % if the stretches of time are independent of each other."""

    slope: float
    low: float
    high: float
    days: float
    """Over which it was seen."""

    def verdict(self, limit: float) -> Verdict:
        """Whether growth is at most `limit` a day.

        Within: all of the interval is. Beyond: all of it is more, and a day's limit was used up in what was seen; less
        may still be a buffer that fills up. Undecided: anything else.
        """
        if self.high <= limit:
            return "within"
        return "beyond" if self.low * min(self.days, 1.0) > limit else "undecided"


def trend(at: Sequence[float], values: Sequence[float]) -> Trend | None:
    """Theil and Sen's slope, the median of the slopes between any two stretches of time: a spike does not move it.

    The interval is Sen's, by the distribution of Kendall's tau. Memory grows in steps, so stretches are not quite
    independent and the truth is a little less certain than that.

    Args:
        at: When each sample was taken, in days, increasing.
        values: The samples.

    Returns:
        None of too few samples.
    """
    if len(values) < FEWEST:
        return None
    at_medians, medians = _blocks(at), _blocks(values)
    first, second = np.triu_indices(len(medians), k=1)
    slopes = np.sort((medians[second] - medians[first]) / (at_medians[second] - at_medians[first]))
    n, pairs = len(medians), len(slopes)
    spread = _Z * math.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    beyond = max(math.floor((pairs - spread) / 2) - 1, 0)
    return Trend(float(np.median(slopes)), float(slopes[beyond]), float(slopes[pairs - 1 - beyond]), at[-1] - at[0])


def rises(counts: Sequence[int]) -> bool:
    """Whether a count that may come and go has risen for good: its last third is nowhere as low as the first was."""
    third = len(counts) // 3
    return third > 0 and min(counts[-third:]) > max(counts[:third])


def _blocks(values: Sequence[float]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    blocks = np.array_split(np.asarray(values, np.float64), min(BLOCKS, len(values)))
    return np.array([np.median(block) for block in blocks])
