"""Overlap with what people heard: the Bhattacharyya coefficient and what is called its distance, and kin."""

from collections.abc import Sequence

import numpy as np

from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.metrics.sums import ratio, smoothed

MEASURES = (
    Measure("bd_mean_log", "mean(-ln BC)", "lower"),
    Measure("bd_log_mean", "-ln(mean BC)", "lower", headline=True),
    Measure("bd_complement", "1 - mean BC", "lower"),
    Measure("bc", "mean BC", "higher"),
    Measure("tv", "total variation", "lower"),
    Measure("cosine", "cosine similarity", "higher"),
)
"""`bd_log_mean` is the reading of the paper's BD column that fits it best."""

EPSILON = 1e-10


def bhattacharyya_coefficient(human: Values, model: Values) -> Values:
    """[N] overlap: 1 for equal distributions, 0 for disjoint ones."""
    overlap: Values = np.sqrt(human * model).sum(1)
    return overlap


def bhattacharyya_distance(human: Values, model: Values, *, epsilon: float = EPSILON) -> Values:
    """[N] -ln of the coefficient, epsilon added to both sides: disjoint certainties are 10.8 apart, not infinity."""
    distance: Values = -np.log(bhattacharyya_coefficient(smoothed(human, epsilon), smoothed(model, epsilon)))
    return np.maximum(distance, 0)


def total_variation(human: Values, model: Values) -> Values:
    """[N] half the sum of absolute differences: 0 to 1."""
    distance: Values = np.abs(human - model).sum(1) / 2
    return distance


def cosine(human: Values, model: Values) -> Values:
    """[N] cosine of the angle between the two: 1 for equal distributions, 0 for disjoint ones."""
    lengths = np.linalg.norm(human, axis=1) * np.linalg.norm(model, axis=1)
    similarity: Values = np.minimum((human * model).sum(1) / lengths, 1)
    return similarity


def terms(sample: Sample) -> Values:
    """[N, 5]: one, and each of the above."""
    measured = [f(sample.human, sample.model) for f in (bhattacharyya_coefficient, bhattacharyya_distance)]
    others = [f(sample.human, sample.model) for f in (total_variation, cosine)]
    return np.column_stack([np.ones(len(sample)), *measured, *others])


def values(sums: Values, classes: Sequence[str]) -> dict[str, Values]:  # noqa: ARG001 - as every topic's
    """The measures of sums of terms."""
    bc, distance, variation, similarity = (ratio(sums[..., at], sums[..., 0]) for at in range(1, 5))
    with np.errstate(divide="ignore"):
        log_mean = np.maximum(-np.log(bc), 0)
    return {
        "bc": bc,
        "bd_complement": 1 - bc,
        "bd_log_mean": log_mean,
        "bd_mean_log": distance,
        "tv": variation,
        "cosine": similarity,
    }
