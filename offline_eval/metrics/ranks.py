"""Measures of ranks: whether the model's entropy orders utterances as people's disagreement does.

A drawn utterance counts as often as it was drawn. Sorting once and adding up weights in that order gives the ranks of
every draw; no draw is sorted again.
"""

import numpy as np
from numpy.typing import NDArray

from offline_eval.metrics.divergence import entropy
from offline_eval.metrics.sample import Sample, Values
from offline_eval.metrics.sums import ratio

_ROUNDING = 1e-9


class RankMeasures:
    """The measures of one sample, for any weights of its clusters.

    Args:
        sample: N utterances.
        cluster: [N] index of each utterance's cluster.
        clusters: How many there are.
    """

    def __init__(self, sample: Sample, cluster: NDArray[np.intp], clusters: int) -> None:
        people, machine = entropy(sample.human), entropy(sample.model)
        order = np.argsort(machine, kind="stable")
        self._cluster = cluster[order]
        last = np.append(np.diff(machine[order]) > 0, True)
        self._group_ends = np.flatnonzero(last)
        self._group = np.cumsum(np.append(0, last[:-1]))
        _, level = np.unique(people, return_inverse=True)
        self._level = level[order]
        self._levels = np.zeros((clusters, int(level.max(initial=-1)) + 1))
        np.add.at(self._levels, (cluster, level), 1)
        self._targets = {"not_unanimous": ~sample.unanimous[order], "no_majority": ~sample.majority[order]}

    def values(self, counts: Values) -> dict[str, Values]:
        """The measures, [draws] each, from how often each cluster was drawn, [draws, clusters]."""
        weights = np.take(counts, self._cluster, axis=1)
        upto = self._upto(weights)
        rank = _midranks(upto)
        total = upto[:, -1] if upto.shape[1] else np.zeros(len(counts))
        found = {"entropy_spearman": self._spearman(counts, weights, rank, total)}
        for name, target in self._targets.items():
            positives = self._upto(weights * target)
            found[f"auroc_{name}"] = _auroc(positives, rank, total)
            found[f"aupr_{name}"] = _average_precision(positives, upto)
        return found

    def _upto(self, weights: Values) -> Values:
        """[draws, groups] weight of everything up to and with each group of equal entropy."""
        return np.take(np.cumsum(weights, axis=1), self._group_ends, axis=1)

    def _spearman(self, counts: Values, weights: Values, rank: Values, total: Values) -> Values:
        of_level = counts @ self._levels
        people = _midranks(np.cumsum(of_level, axis=1))
        both = np.take(rank, self._group, axis=1)
        machine_squares = np.einsum("dn,dn,dn->d", weights, both, both)
        both *= np.take(people, self._level, axis=1)
        centre = total * ((total + 1) / 2) ** 2
        deviations = [
            np.where(squares - centre > _ROUNDING * centre, squares - centre, 0)
            for squares in ((of_level * people**2).sum(1), machine_squares)
        ]
        covariance = np.einsum("dn,dn->d", weights, both) - centre
        return np.clip(ratio(covariance, np.sqrt(deviations[0] * deviations[1])), -1, 1)


def _midranks(upto: Values) -> Values:
    """[draws, groups] mean rank of each group of equals, counted from 1."""
    return (_before(upto) + upto + 1) / 2


def _before(upto: Values) -> Values:
    """[draws, groups] weight of everything before each group."""
    return np.concatenate([np.zeros((len(upto), 1)), upto[:, :-1]], axis=1)[:, : upto.shape[1]]


def _auroc(positives: Values, rank: Values, total: Values) -> Values:
    """Chance that a positive stands above a negative, equals counted half."""
    here = positives - _before(positives)
    number = here.sum(1)
    above = np.einsum("dg,dg->d", here, rank) - number * (number + 1) / 2
    return ratio(above, number * (total - number))


def _average_precision(positives: Values, upto: Values) -> Values:
    """Mean over positives of the precision at their threshold, from the highest entropy down."""
    number, total = positives[:, -1:], upto[:, -1:]
    precision = ratio(number - _before(positives), total - _before(upto))
    here = positives - _before(positives)
    return ratio(np.where(here > 0, here * precision, 0).sum(1), number.sum(1))
