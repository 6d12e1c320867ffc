"""Proper scores, which nothing improves but the reading that one believes: Brier's and the log loss."""

from collections.abc import Sequence

import numpy as np

from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.metrics.sums import BINS, bin_of, ratio, smoothed

MEASURES = (
    Measure("brier", "Brier score, 0 to 2", "lower", headline=True),
    Measure("brier_reliability", "Brier: reliability", "lower"),
    Measure("brier_resolution", "Brier: resolution", "higher"),
    Measure("brier_uncertainty", "Brier: uncertainty", None),
    Measure("log_loss", "log loss per vote, nats", "lower"),
)

EPSILON = 1e-10


def brier(human: Values, model: Values) -> Values:
    """[N] sum of squared differences: 0 to 2."""
    score: Values = ((human - model) ** 2).sum(1)
    return score


def log_loss(human: Values, model: Values, *, epsilon: float = EPSILON) -> Values:
    """[N] mean over an utterance's votes of -ln of what the model gave to them, in nats."""
    loss: Values = -(human * np.log(smoothed(model, epsilon))).sum(1)
    return loss


def terms(sample: Sample) -> Values:
    """[N, 4 + classes (2 + 3 BINS)].

    One, Brier, votes, their log loss; by class shares and squared shares; by class and bin of the model's probability
    one, the probability and the share.
    """
    human, model = sample.human, sample.model
    lost = sample.raters * log_loss(human, model)
    scores = np.column_stack([np.ones(len(sample)), brier(human, model), sample.raters, lost])
    binned = np.zeros((len(sample), human.shape[1], BINS, 3))
    row, column = np.indices(model.shape)
    binned[row, column, bin_of(model)] = np.stack([np.ones_like(model), model, human], axis=-1)
    return np.column_stack([scores, human, human**2, binned.reshape(len(sample), human.shape[1] * BINS * 3)])


def values(sums: Values, classes: Sequence[str]) -> dict[str, Values]:
    """The measures of sums of terms.

    The parts of the Brier score (Murphy 1973) are summed over classes; with shares in place of outcomes, the
    uncertainty is the variance of the shares. brier = reliability - resolution + uncertainty up to what the
    probabilities vary within a bin.
    """
    count, number = sums[..., 0], len(classes)
    human, squares = sums[..., 4 : 4 + number], sums[..., 4 + number : 4 + 2 * number]
    binned = sums[..., 4 + 2 * number :].reshape(*sums.shape[:-1], number, BINS, 3)
    inside, model, heard = np.moveaxis(binned, -1, 0)
    rate = ratio(human, count[..., None])
    reliability = np.nansum(ratio((model - heard) ** 2, inside), axis=(-1, -2))
    resolution = np.nansum(inside * (ratio(heard, inside) - rate[..., None]) ** 2, axis=(-1, -2))
    return {
        "brier": ratio(sums[..., 1], count),
        "brier_reliability": ratio(reliability, count),
        "brier_resolution": ratio(resolution, count),
        "brier_uncertainty": (ratio(squares, count[..., None]) - rate**2).sum(-1),
        "log_loss": ratio(sums[..., 3], sums[..., 2]),
    }
