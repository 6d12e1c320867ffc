"""How measured times are summed up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from monitor.percentile import percentile


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Median and 95th percentile of milliseconds."""

    p50: float
    p95: float

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> Self:
        """Of at least one time."""
        p50, p95 = (percentile(values_ms, percent) or 0.0 for percent in (50, 95))
        return cls(p50=round(p50, 1), p95=round(p95, 1))

    def __str__(self) -> str:
        return f"{self.p50:.1f} / {self.p95:.1f}"
