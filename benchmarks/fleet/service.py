"""How long a worker takes for so many utterances at once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchTimes:
    """Seconds of a batch by its size; what lies between the sizes given is interpolated.

    Attributes:
        source: Where they come from, for whoever reads a table made with them.
        seconds: By size, ascending from 1.
        variation: sd / mean of a single batch (gamma distributed): 0 is always the same, 1 is exponential.
    """

    source: str
    seconds: Mapping[int, float]
    variation: float = 0.0

    def best_per_s(self, max_batch: int) -> float:
        """Most utterances a second with at most so many at once."""
        return max(size / self.mean_s(size) for size in range(1, max_batch + 1))

    def mean_s(self, batch: int) -> float:
        """Of batches of this size."""
        return float(np.interp(batch, list(self.seconds), list(self.seconds.values())))

    def draw_s(self, batch: int, chance: np.random.Generator) -> float:
        """Of one batch of this size."""
        mean_s = self.mean_s(batch) if len(self.seconds) > 1 else self.seconds[1]
        if not self.variation:
            return mean_s
        shape = self.variation**-2
        return float(chance.gamma(shape, mean_s / shape))


LTU_AS_GPU = BatchTimes(
    source="LTU-AS 7B, one H100, single prompt, its own transcript: COMPUTED from tensor shapes at 55 % of the peak "
    "operations and 80 % of the bandwidth, not measured",
    seconds={size: size / per_s for size, per_s in {1: 24.0, 8: 57.0, 16: 63.0, 64: 68.0}.items()},
)


def mini_on_cpu(streams: Mapping[str, Any]) -> BatchTimes:
    """`ltu-as-mini` on a CPU, from what `bench streams --json` wrote: one at a time, since batches do not pay there.

    Mean and variation are those of the log-normal distribution with the percentiles that were measured.
    """
    row, where = streams["measured"]["rows"][0], streams["measured"]["machine"]
    p50, p95 = row["reading_ms"]["p50"], row["reading_ms"]["p95"]
    spread = math.log(p95 / p50) / 1.645
    return BatchTimes(
        source=f"ltu-as-mini, measured: {where}, {row['streams']} microphones at once (bench streams)",
        seconds={1: p50 / 1000 * math.exp(spread**2 / 2)},
        variation=math.sqrt(math.expm1(spread**2)),
    )
