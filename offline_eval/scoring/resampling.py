"""How sure a measure is, where utterances of one speaker or dialogue are alike: whole clusters are drawn."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

LEAST_CLUSTERS = 2
_TAILS = (0.025, 0.975)
_MOST_LEFT_OUT = 200
_CHUNK = 512


def draw_counts(clusters: int, draws: int, seed: Sequence[int]) -> Values:
    """[draws, clusters]: how often each cluster was drawn, with replacement."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(clusters, np.full(clusters, 1 / clusters), size=draws).astype(np.float64)


class ClusterBootstrap:
    """The same draws of clusters for whatever is measured on the same utterances.

    A replicate is a weight for each cluster: the first replicate is every cluster once, then come the draws, then
    every cluster but one (every cluster but those of one group, where there are more than 200). A single cluster
    leaves nothing to draw, so there the first replicate is the only one.

    Args:
        clusters: [N] name of each utterance's cluster.
        draws: How many times the clusters are drawn.
        seed: Of the draws; the same names get the same draws, in whatever order they come.

    Attributes:
        cluster: [N] index of each utterance's cluster.
        number: Of clusters.
        draws: As given, or 0 for a single cluster.
    """

    def __init__(self, clusters: Sequence[str] | NDArray[np.str_], *, draws: int, seed: int) -> None:
        names, self.cluster = np.unique(np.array(clusters, dtype=np.str_), return_inverse=True)
        self.number = len(names)
        self.draws = draws if self.number >= LEAST_CLUSTERS else 0
        parts = [np.ones((1, self.number), dtype=np.uint16)]
        if self.draws:
            groups = np.arange(self.number) % min(self.number, _MOST_LEFT_OUT)
            left_out = np.arange(groups.max() + 1)[:, None] != groups
            parts += [draw_counts(self.number, draws, [seed]).astype(np.uint16), left_out.astype(np.uint16)]
        self._counts = np.concatenate(parts)

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

    def interval(self, replicates: Values) -> tuple[float, float] | None:
        """95 % interval, bias-corrected and accelerated (BCa; Efron 1987), of a measure's replicates.

        Draws in which the measure is undefined are passed over. None where there is nothing to draw, or the measure is
        undefined on the whole, or on half of the draws.
        """
        from scipy.special import ndtr, ndtri

        value, drawn, left_out = self._parts(replicates)
        if 2 * len(drawn) <= self.draws or not np.isfinite(value):
            return None
        below = ((drawn < value).sum() + (drawn == value).sum() / 2) / len(drawn)
        bias = ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
        influence = left_out.mean() - left_out if len(left_out) else np.zeros(1)
        scale = float((influence**2).sum())
        acceleration = float((influence**3).sum()) / (6 * scale**1.5) if scale > 0 else 0.0
        shifted = bias + ndtri(np.array(_TAILS))
        tails = ndtr(bias + shifted / (1 - acceleration * shifted))
        low, high = np.quantile(drawn, tails)
        return float(low), float(high)

    def p_value(self, replicates: Values) -> float | None:
        """Two-sided p-value of a difference's being 0: how often a draw strays as far from it as 0 is; or None.

        At least 1 / (draws + 1).
        """
        value, drawn, _ = self._parts(replicates)
        if 2 * len(drawn) <= self.draws or not np.isfinite(value):
            return None
        return float((1 + (np.abs(drawn - value) >= abs(value)).sum()) / (1 + len(drawn)))

    def _parts(self, replicates: Values) -> tuple[float, Values, Values]:
        """The value; the draws and the rest in which the measure is defined."""
        drawn, left_out = replicates[1 : 1 + self.draws], replicates[1 + self.draws :]
        return float(replicates[0]), drawn[np.isfinite(drawn)], left_out[np.isfinite(left_out)]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values after Holm's step-down correction (1979) over those that there are."""
    known = sorted((p, at) for at, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for step, (p, at) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - step) * p))
        corrected[at] = largest
    return corrected
