"""Every measure of one sample, in every draw of its clusters."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS
from offline_eval.scoring.metrics import (
    ambiguity,
    calibration,
    correlation,
    divergence,
    hard_labels,
    overlap,
    scoring_rules,
)
from offline_eval.scoring.metrics.ranks import RankMeasures
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.resampling import ClusterBootstrap

Replicates = dict[str, Values]
"""Name of each measure to its value in each replicate of a ClusterBootstrap."""


class Topic(Protocol):
    """Measures that follow from sums over utterances; the modules of this package are such."""

    def terms(self, sample: Sample) -> Values:
        """[N, K]: what each utterance adds."""

    def values(self, sums: Values, classes: Sequence[str]) -> dict[str, Values]:
        """The measures, [...] each, of sums [..., K]."""


TOPICS: tuple[Topic, ...] = (
    divergence,
    overlap,
    correlation,
    scoring_rules,
    hard_labels,
    calibration,
    ambiguity,
)


def replicates(sample: Sample, cluster: NDArray[np.intp], bootstrap: ClusterBootstrap) -> Replicates:
    """Measures of utterances that stand in clusters [N] of the bootstrap's."""
    found: Replicates = {}
    for topic in TOPICS:
        found |= topic.values(bootstrap.sums(topic.terms(sample), cluster), EMOTIONS)
    ranks = RankMeasures(sample, cluster, bootstrap.number)
    chunks = [ranks.values(counts) for counts in bootstrap.counts()]
    return found | {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def values_of(sample: Sample, classes: Sequence[str] = EMOTIONS) -> dict[str, float]:
    """Each measure, without draws, of a sample with any classes."""
    found: dict[str, Values] = {}
    for topic in TOPICS:
        found |= topic.values(topic.terms(sample).sum(0), classes)
    everything = np.zeros(len(sample), dtype=np.intp)
    ranked = RankMeasures(sample, everything, 1).values(np.ones((1, 1)))
    return {name: float(value) for name, value in found.items()} | {name: float(v[0]) for name, v in ranked.items()}
