"""Arithmetic that the measures share."""

import numpy as np
from numpy.typing import NDArray

from offline_eval.scoring.metrics.sample import Values

BINS = 15
_EQUAL = 1e-12


def ratio(numerator: Values, denominator: Values) -> Values:
    """The quotient, NaN where there is nothing to divide by."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotient = np.full(numerator.shape, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def spread(squares: Values, total: Values, count: Values) -> Values:
    """Sum of squared deviations from the mean, NaN where that is nothing but rounding."""
    deviations = squares - ratio(total**2, count)
    return np.where(deviations > _EQUAL * np.abs(squares), deviations, np.nan)


def smoothed(distributions: Values, epsilon: float) -> Values:
    """[..., classes] with epsilon added to each class, normalised."""
    raised = distributions + epsilon
    normalised: Values = raised / raised.sum(-1, keepdims=True)
    return normalised


def bin_of(probabilities: Values) -> NDArray[np.intp]:
    """Which of BINS bins of equal width, each with its upper end, a probability falls into."""
    bins: NDArray[np.intp] = np.clip(np.ceil(probabilities * BINS).astype(np.intp) - 1, 0, BINS - 1)
    return bins
