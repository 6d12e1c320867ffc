"""One percentile for everything that is timed."""

import statistics
from collections.abc import Sequence


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The value that so many percent, 1 to 99, do not exceed, linear between neighbours as numpy's; None of nothing."""
    if len(values) < 2:  # noqa: PLR2004 - one number is every percentile
        return values[0] if values else None
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
