"""How measured times are summed up."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Median and 95th percentile of milliseconds."""

    p50: float
    p95: float

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> Self:
        """Of at least one time."""
        return cls(p50=round(statistics.median(values_ms), 1), p95=round(float(np.percentile(values_ms, 95)), 1))

    def __str__(self) -> str:
        return f"{self.p50:.1f} / {self.p95:.1f}"
