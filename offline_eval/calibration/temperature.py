"""The temperature and the strength of the prior under which labels are most likely."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from core.distribution import EMOTIONS
from core.ltu_as.calibration import Correction, LogProbabilities, corrected, log_of
from offline_eval.scoring.metrics.sample import Values

TEMPERATURES = (0.01, 20.0)
"""Linear read-outs lie close to uniform and need one far below 1."""

_SHRINK = (5**0.5 - 1) / 2
_STEPS = 36
"""Golden sections: the bracket shrinks to 3e-8 of its width."""
_DIGITS = 6


def prior_of(content_free_log_probs: Values) -> LogProbabilities:
    """The mean probability [4] of readings [M, 4] of sounds without content, as logarithms; uniform where M is 0."""
    log_prior = log_of(np.exp(content_free_log_probs).mean(axis=0)) if len(content_free_log_probs) else np.zeros(4)
    log_prior = corrected(log_prior, log_prior, temperature=1, prior_strength=0)
    return LogProbabilities(**dict(zip(EMOTIONS, map(_rounded, log_prior), strict=True)))


def fit_temperature_and_prior(
    log_probs: Values, targets: Values, content_free_log_probs: Values, weights: Values | None = None
) -> Correction:
    """The correction with the least cross-entropy to the targets.

    In 1 / temperature and prior_strength / temperature the loss is convex. So it has one valley along the temperature,
    and its floor one valley along the strength: two nested golden-section searches find the minimum.

    Args:
        log_probs: [N, 4] readings of labelled speech.
        targets: [N, 4] distributions.
        content_free_log_probs: [M, 4] readings of sounds without content; see `prior_of`.
        weights: [N] of the clips; all alike by default.
    """
    prior = prior_of(content_free_log_probs)
    log_prior = np.array(tuple(prior))

    def loss(log_temperature: float, strength: float) -> float:
        log_q = corrected(log_probs, log_prior, temperature=np.exp(log_temperature), prior_strength=strength)
        return float(np.average(-(targets * log_q).sum(axis=1), weights=weights))

    def log_temperature(strength: float) -> float:
        return _golden(lambda x: loss(x, strength), *np.log(TEMPERATURES))

    between = _golden(lambda s: loss(log_temperature(s), s), 0.0, 1.0)
    # Where it makes no difference, such as for a prior that favours nothing, none of it is taken off.
    strength = min((0.0, between, 1.0), key=lambda s: round(loss(log_temperature(s), s), _DIGITS))
    return Correction(
        temperature=_rounded(np.exp(log_temperature(strength))),
        prior=prior,
        prior_strength=_rounded(strength),
    )


def fit_adapted_temperature(
    correction: Correction, log_probs: Values, anchor_weights: Values, targets: Values, weights: Values | None = None
) -> Correction:
    """The same with the `adapted_temperature` of the least cross-entropy to the targets, but not above `temperature`.

    Whoever is known better is not to be read with less certainty.

    Args:
        correction: Fitted on readings of streams of which nothing was heard.
        log_probs: [N, 4] readings of labelled speech, of streams of which something was.
        anchor_weights: [N], what each was read with; see `Correction.temperature_at`.
        targets: [N, 4] distributions.
        weights: [N] of the clips; all alike by default.
    """

    def loss(log_temperature: float) -> float:
        tried = replace(correction, adapted_temperature=float(np.exp(log_temperature)))
        log_q = tried.corrected(log_probs, anchor_weights)
        return float(np.average(-(targets * log_q).sum(axis=1), weights=weights))

    best = _golden(loss, np.log(TEMPERATURES[0]), np.log(correction.temperature))
    return replace(correction, adapted_temperature=_rounded(np.exp(best)))


def _golden(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is least."""
    left, right = high - _SHRINK * (high - low), low + _SHRINK * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(_STEPS):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - _SHRINK * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _SHRINK * (high - low)
            at_right = function(right)
    return (low + high) / 2


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
