"""How sure a measure is, where utterances of one speaker or dialogue are alike: whole clusters are drawn."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline_eval.scoring.metrics.sample import Values

Names = Sequence[str] | NDArray[np.str_]

DRAWS = 2_000

_WHOLE = ""
_LEAST_CLUSTERS = 2
_TAILS = (0.025, 0.975)
_MOST_LEFT_OUT = 200
_CHUNK = 512


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure and its 95 % interval.

    Attributes:
        value: On the utterances themselves; NaN where the measure is undefined on them.
        low: Lower end; None where there is nothing to draw, or the measure is undefined.
        high: Upper end, the same.
    """

    value: float
    low: float | None
    high: float | None


class ClusterBootstrap:
    """The same draws of clusters for whatever is measured on the same utterances.

    A replicate is a weight for each cluster: the first replicate is every cluster once, then come the draws, then
    every cluster but one (every cluster but those of one group, where a stratum has more than 200). Clusters are drawn
    within their stratum. A stratum of a single cluster leaves nothing to draw, so there the first replicate is the only
    one.

    Args:
        clusters: [N] name of each utterance's cluster.
        draws: How many times the clusters are drawn.
        seed: Of the draws; the same names get the same draws, in whatever order they come.
        strata: [N] name of each utterance's stratum, such as its corpus; a stratum gets the same draws whatever others
            there are. One for all by default.

    Attributes:
        cluster: [N] index of each utterance's cluster.
        number: Of clusters.
        sizes: Stratum to its number of clusters.
        draws: As given, or 0 where there is nothing to draw.
    """

    def __init__(self, clusters: Names, *, draws: int, seed: int, strata: Names | None = None) -> None:
        pairs = list(zip([_WHOLE] * len(clusters) if strata is None else strata, clusters, strict=True))
        index = {pair: at for at, pair in enumerate(sorted(set(pairs)))}
        self.cluster = np.array([index[pair] for pair in pairs], dtype=np.intp)
        self.number = len(index)
        self.sizes = Counter(str(stratum) for stratum, _ in index)
        self.draws = draws if min(self.sizes.values(), default=0) >= _LEAST_CLUSTERS else 0
        parts = [np.ones((1, self.number))]
        self._stratum_left_out = np.empty(0, dtype=np.intp)
        if self.draws:
            drawn = [_draw_counts(size, draws, [seed, *name.encode()]) for name, size in self.sizes.items()]
            without, self._stratum_left_out = _left_out([*self.sizes.values()])
            parts += [np.concatenate(drawn, axis=1), without]
        self._counts = np.concatenate([part.astype(np.uint16) for part in parts])

    def counts(self) -> Iterator[Values]:
        """The replicates, some at a time, [.., clusters]."""
        for start in range(0, len(self._counts), _CHUNK):
            yield self._counts[start : start + _CHUNK].astype(np.float64)

    def sums(self, terms: Values, cluster: NDArray[np.intp]) -> Values:
        """[replicates, K] sums of terms [n, K] of utterances in clusters [n]."""
        from scipy.sparse import csr_array

        rows = np.arange(len(terms))
        by_cluster = csr_array((np.ones(len(terms)), (cluster, rows)), shape=(self.number, len(terms))) @ terms
        return np.concatenate([counts @ by_cluster for counts in self.counts()])

    def estimate(self, replicates: Values) -> Estimate:
        """A measure, or a difference, of its replicates."""
        low, high = self.interval(replicates) or (None, None)
        return Estimate(float(replicates[0]), low, high)

    def interval(self, replicates: Values) -> tuple[float, float] | None:
        """95 % interval, bias-corrected and accelerated (BCa; Efron 1987), of a measure's replicates.

        Draws in which the measure is undefined are passed over. None where there is nothing to draw, or the measure is
        undefined on the whole, or on half of the draws.
        """
        from scipy.special import ndtr, ndtri

        value, drawn = self._drawn(replicates)
        if 2 * len(drawn) <= self.draws or not np.isfinite(value):
            return None
        below = ((drawn < value).sum() + (drawn == value).sum() / 2) / len(drawn)
        bias = ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
        shifted = bias + ndtri(np.array(_TAILS))
        tails = ndtr(bias + shifted / (1 - self._acceleration(replicates) * shifted))
        low, high = np.quantile(drawn, tails)
        return float(low), float(high)

    def p_value(self, replicates: Values) -> float | None:
        """Two-sided p-value of a difference's being 0: how often a draw strays as far from it as 0 is; or None.

        At least 1 / (draws + 1).
        """
        value, drawn = self._drawn(replicates)
        if 2 * len(drawn) <= self.draws or not np.isfinite(value):
            return None
        return float((1 + (np.abs(drawn - value) >= abs(value)).sum()) / (1 + len(drawn)))

    def _drawn(self, replicates: Values) -> tuple[float, Values]:
        """The value, and the draws in which the measure is defined."""
        drawn = replicates[1 : 1 + self.draws]
        return float(replicates[0]), drawn[np.isfinite(drawn)]

    def _acceleration(self, replicates: Values) -> float:
        """How the measure's spread grows with the measure, from what leaving clusters out of a stratum changes."""
        left_out = replicates[1 + self.draws :]
        defined = np.isfinite(left_out)
        left_out, stratum = left_out[defined], self._stratum_left_out[defined]
        number = np.bincount(stratum)[stratum]
        mean = np.bincount(stratum, left_out)[stratum] / number
        influence = (mean - left_out) * (number - 1) / number
        scale = float((influence**2).sum())
        return float((influence**3).sum()) / (6 * scale**1.5) if scale > 0 else 0.0


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values after Holm's step-down correction (1979) over those that there are."""
    known = sorted((p, at) for at, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for step, (p, at) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - step) * p))
        corrected[at] = largest
    return corrected


def _draw_counts(clusters: int, draws: int, seed: Sequence[int]) -> Values:
    """[draws, clusters]: how often each cluster was drawn, with replacement."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(np.float64)


def _left_out(sizes: Sequence[int]) -> tuple[Values, NDArray[np.intp]]:
    """[groups, clusters] 0 for the clusters of a group, which are of one stratum, and 1; [groups] the stratum."""
    numbers = [min(size, _MOST_LEFT_OUT) for size in sizes]
    group = [
        start + np.arange(size) % n for start, size, n in zip(np.cumsum(numbers) - numbers, sizes, numbers, strict=True)
    ]
    without = np.arange(sum(numbers))[:, None] != np.concatenate(group)
    return without.astype(np.float64), np.repeat(np.arange(len(sizes)), numbers)
