"""Measures of ranks: whether the model's entropy orders utterances as people's disagreement does.

A drawn utterance counts as often as it was drawn. Sorting once and adding up weights in that order gives the ranks of
every draw; no draw is sorted again.
"""

import numpy as np
from numpy.typing import NDArray

from offline_eval.scoring.metrics.divergence import entropy
from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.metrics.sums import ratio

MEASURES = (
    Measure("entropy_spearman", "Spearman rho of entropies", "higher", headline=True),
    Measure("auroc_not_unanimous", "AUROC: not unanimous, by entropy", "higher"),
    Measure("aupr_not_unanimous", "AUPR: not unanimous, by entropy", "higher"),
    Measure("auroc_no_majority", "AUROC: no majority, by entropy", "higher"),
    Measure("aupr_no_majority", "AUPR: no majority, by entropy", "higher"),
)

_ROUNDING = 1e-9
_CHUNK = 16
"""Draws at a time, so that what is added up stays in the processor's cache."""


class RankMeasures:
    """The measures of one sample, for any weights of its clusters.

    Args:
        sample: N utterances.
        cluster: [N] index of each utterance's cluster.
        clusters: How many there are.
    """

    def __init__(self, sample: Sample, cluster: NDArray[np.intp], clusters: int) -> None:
        people, machine = entropy(sample.human), entropy(sample.model)
        order = np.argsort(-machine, kind="stable")
        self._cluster = cluster[order]
        # Utterances of equal entropy make a group.
        self._starts = np.flatnonzero(np.diff(machine[order], prepend=np.inf))
        _, level = np.unique(people, return_inverse=True)
        self._level = level[order]
        self._levels = np.zeros((clusters, int(level.max(initial=-1)) + 1))
        np.add.at(self._levels, (cluster, level), 1)
        self._targets = {
            name: target[order].astype(np.float64)
            for name, target in (("not_unanimous", ~sample.unanimous), ("no_majority", ~sample.majority))
        }

    def values(self, counts: Values) -> dict[str, Values]:
        """The measures, [draws] each, from how often each cluster was drawn, [draws, clusters]."""
        chunks = [self._values(counts[at : at + _CHUNK]) for at in range(0, len(counts), _CHUNK)]
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}

    def _values(self, counts: Values) -> dict[str, Values]:
        weights = np.take(counts, self._cluster, axis=1)
        group = self._grouped(weights)
        upto = np.cumsum(group, axis=1)
        rank = upto - (group - 1) / 2
        total = weights.sum(1)
        found = {"entropy_spearman": self._spearman(counts, weights, group, rank)}
        for name, target in self._targets.items():
            positives = self._grouped(weights * target)
            found[f"auroc_{name}"] = _auroc(positives, rank, total)
            found[f"aupr_{name}"] = _average_precision(positives, upto)
        return found

    def _grouped(self, values: Values) -> Values:
        """[draws, groups] sums over each group."""
        if len(self._starts) == values.shape[1]:
            return values
        sums: Values = np.add.reduceat(values, self._starts, axis=1)
        return sums

    def _spearman(self, counts: Values, weights: Values, group: Values, rank: Values) -> Values:
        level = counts @ self._levels
        people = np.cumsum(level, axis=1) - (level - 1) / 2
        products = self._grouped(weights * np.take(people, self._level, axis=1))
        total = level.sum(1)
        centre = total * ((total + 1) / 2) ** 2
        covariance = centre - np.einsum("dg,dg->d", products, rank)
        spreads = [np.einsum("dg,dg,dg->d", w, r, r) - centre for w, r in ((level, people), (group, rank))]
        deviations = [np.where(spread > _ROUNDING * centre, spread, 0) for spread in spreads]
        return np.clip(ratio(covariance, np.sqrt(deviations[0] * deviations[1])), -1, 1)


def _auroc(positives: Values, rank: Values, total: Values) -> Values:
    """Chance that a positive stands above a negative, equals counted half; ranks count from the highest."""
    number = positives.sum(1)
    below = number * (total + 1) - np.einsum("dg,dg->d", positives, rank) - number * (number + 1) / 2
    return ratio(below, number * (total - number))


def _average_precision(positives: Values, upto: Values) -> Values:
    """Mean over positives of the precision at their threshold, from the highest entropy down."""
    found = np.cumsum(positives, axis=1)
    precision = found / np.maximum(upto, 1)
    return ratio(np.einsum("dg,dg->d", positives, precision), positives.sum(1))
