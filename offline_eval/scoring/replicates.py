"""Measures of one sample, as it is and in every draw of its clusters."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS
from offline_eval.scoring.metrics import ranks
from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.measures import MEASURE, TOPICS, Topic
from offline_eval.scoring.metrics.ranks import RankMeasures
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.resampling import ClusterBootstrap

Replicates = dict[str, Values]
"""Name of each measure to its value in each replicate of a ClusterBootstrap."""


def replicates(
    sample: Sample, cluster: NDArray[np.intp], bootstrap: ClusterBootstrap, names: Collection[str] = tuple(MEASURE)
) -> Replicates:
    """The named measures of utterances that stand in clusters [N] of the bootstrap's."""
    found: Replicates = {}
    for topic in _topics(names):
        found |= topic.values(bootstrap.sums(topic.terms(sample), cluster), EMOTIONS)
    if _any_of(ranks.MEASURES, names):
        ranked = RankMeasures(sample, cluster, bootstrap.number)
        chunks = [ranked.values(counts) for counts in bootstrap.counts()]
        found |= {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    return {name: found[name] for name in names}


def values_of(
    sample: Sample, names: Collection[str] = tuple(MEASURE), *, classes: Sequence[str] = EMOTIONS
) -> dict[str, float]:
    """The named measures, without draws, of a sample with any classes; only what they need is computed."""
    found: dict[str, Values] = {}
    for topic in _topics(names):
        found |= topic.values(topic.terms(sample).sum(0), classes)
    if _any_of(ranks.MEASURES, names):
        everything = np.zeros(len(sample), dtype=np.intp)
        ranked = RankMeasures(sample, everything, 1).values(np.ones((1, 1)))
        found |= {name: value[0] for name, value in ranked.items()}
    return {name: float(found[name]) for name in names if name in found}


def _topics(names: Collection[str]) -> Iterable[Topic]:
    return (topic for topic in TOPICS if _any_of(topic.MEASURES, names))


def _any_of(measures: Iterable[Measure], names: Collection[str]) -> bool:
    return any(measure.name in names for measure in measures)
