"""What is called R^2: the squared correlation within each utterance, and the share of variance explained over all."""

from collections.abc import Sequence

import numpy as np

from core.distribution import EMOTIONS
from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.metrics.sums import ratio, spread

MEASURES = (
    Measure("paper_r2", "paper_r2: squared Pearson r per utterance", "higher", headline=True),
    Measure("r2_flat", "1 - SSR/SST, flattened", "higher"),
    *(Measure(f"r2_{emotion}", f"1 - SSR/SST, {emotion}", "higher") for emotion in EMOTIONS),
)

EPSILON = 1e-10


def squared_pearson(human: Values, model: Values) -> Values:
    """[N] squared Pearson correlation over the classes; 0 where either side is uniform.

    Random readings get 1 / (classes - 1), see `chance`, so a third is no success with four classes.
    """
    human, model = (side - side.mean(1, keepdims=True) for side in (human, model))
    covariance = (human * model).mean(1)
    squared: Values = covariance**2 / ((human**2).mean(1) * (model**2).mean(1) + EPSILON)
    return squared


def chance(classes: int) -> float:
    """Expected `squared_pearson` of readings drawn without looking."""
    return 1 / (classes - 1)


def terms(sample: Sample) -> Values:
    """[N, 2 + 3 classes]: one, the squared correlation; by class squared errors, shares and squared shares."""
    human, error = sample.human, (sample.human - sample.model) ** 2
    return np.column_stack(
        [np.ones(len(sample)), squared_pearson(human, sample.model), error, human, human**2],
    )


def values(sums: Values, classes: Sequence[str]) -> dict[str, Values]:
    """The measures of sums of terms."""
    count, number = sums[..., 0], len(classes)
    error, total, squares = (sums[..., 2 + at * number : 2 + (at + 1) * number] for at in range(3))
    flat = 1 - ratio(error.sum(-1), spread(squares.sum(-1), total.sum(-1), count * number))
    by_class = 1 - ratio(error, spread(squares, total, count[..., None]))
    found = {"paper_r2": ratio(sums[..., 1], count), "r2_flat": flat}
    return found | {f"r2_{name}": by_class[..., at] for at, name in enumerate(classes)}
