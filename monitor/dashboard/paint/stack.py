"""Distributions stacked into character cells: pure arithmetic, in eighths of a cell.

A stack of `rows` cells has 8 * rows eighths, from the bottom up in the order of EMOTIONS. A cell can show two bands
only, one below the other; where more meet in one cell, the two that come nearest to the truth are chosen.
"""

import functools
import itertools
from collections.abc import Sequence

from core.distribution import EMOTIONS

EIGHTHS = 8
LOWER_BLOCKS = " ▁▂▃▄▅▆▇█"
"""So many eighths of a cell, from below."""

Tops = tuple[int, ...]
"""Where each band ends, in eighths from the bottom; the last one is the top of the stack."""


def tops(shares: Sequence[float], rows: int) -> Tops:
    """Where each band of a stack ends."""
    whole = rows * EIGHTHS
    sums = itertools.accumulate(shares)
    return (*(min(round(share * whole), whole) for share in itertools.islice(sums, len(EMOTIONS) - 1)), whole)


@functools.lru_cache(maxsize=4096)
def cell(ends: Tops, row: int) -> tuple[int, int, int]:
    """The two bands shown in the `row`-th cell from the bottom: the lower, the upper, and the lower one's eighths.

    Of a cell that one band fills, that band is both.
    """
    below = row * EIGHTHS
    inside = [band for eighth in range(below, below + EIGHTHS) for band in [_band(ends, eighth)]]
    bands = sorted(set(inside))
    if len(bands) == 1:
        return bands[0], bands[0], EIGHTHS

    def right(choice: tuple[int, int, int]) -> int:
        lower, upper, eighths = choice
        return inside[:eighths].count(lower) + inside[eighths:].count(upper)

    pairs = itertools.combinations(bands, 2)
    return max(((low, high, n) for low, high in pairs for n in range(1, EIGHTHS)), key=right)


@functools.lru_cache(maxsize=1024)
def whole_rows(shares: tuple[float, ...], rows: int) -> tuple[int, ...]:
    """The band of each row from the bottom, where a row can show one band only: by largest remainders."""
    exact = [share * rows for share in shares]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(exact)), key=lambda band: counts[band] - exact[band])
    for band in by_remainder[: rows - sum(counts)]:
        counts[band] += 1
    return tuple(band for band, count in enumerate(counts) for _ in range(count))


def _band(ends: Tops, eighth: int) -> int:
    return next(band for band, end in enumerate(ends) if eighth < end)
