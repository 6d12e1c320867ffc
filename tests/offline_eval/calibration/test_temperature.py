from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ltu_as.calibration import corrected, log_of
from offline_eval.calibration.temperature import TEMPERATURES, fit_adapted_temperature, fit_temperature_and_prior
from offline_eval.scoring.scores import score
from tests.offline_eval.labelled_clips import clips_of_targets

PRIOR = np.log([0.5, 0.1, 0.1, 0.3])


def truth(seed, n=300):
    """Distributions that listeners would give, some clear and some mixed."""
    q = np.random.default_rng(seed).dirichlet([0.6] * 4, size=n).clip(1e-4)
    return q / q.sum(axis=1, keepdims=True)


def labels_of(q, seed=0):
    return np.random.default_rng(seed).multinomial(1, q).astype(float)


def spoiled(q, temperature, strength, log_prior=PRIOR):
    """What a model says that is over-confident and leans to its own prior: the inverse of the correction."""
    log_p = temperature * log_of(q) + strength * log_prior
    return corrected(log_p, log_prior, temperature=1, prior_strength=0)


def fitted(correction, log_p):
    return np.exp(correction.corrected(log_p))


@given(st.integers(0, 1000), st.floats(0.1, 8), st.floats(0.05, 0.95))
@settings(max_examples=15)
def test_a_known_temperature_and_bias_are_found_again(seed, temperature, strength):
    q = truth(seed)
    log_p = spoiled(q, temperature, strength)
    correction = fit_temperature_and_prior(log_p, q, PRIOR[None])
    assert correction.temperature == pytest.approx(temperature, rel=0.01)
    assert correction.prior_strength == pytest.approx(strength, abs=0.01)
    np.testing.assert_allclose(list(correction.prior), PRIOR, atol=1e-5)
    np.testing.assert_allclose(fitted(correction, log_p), q, atol=0.01)


@given(st.integers(0, 1000), st.floats(0.5, 4), st.floats(0.2, 3))
@settings(max_examples=15)
def test_the_temperature_of_known_voices_is_found_again_but_is_none_above_that_of_strangers(seed, stranger, known):
    q = truth(seed)
    anchored = np.random.default_rng(seed).uniform(0.3, 1, len(q))
    first = fit_temperature_and_prior(stranger * log_of(q), q, PRIOR[None])
    log_p = (first.temperature + (known - first.temperature) * anchored)[:, None] * log_of(q)
    found = fit_adapted_temperature(replace(first, prior_strength=0), log_p, anchored, q)
    assert found.adapted_temperature == pytest.approx(min(known, first.temperature), rel=0.02)


@given(st.integers(0, 1000), st.floats(0.2, 5), st.floats(0, 1))
@settings(max_examples=15)
def test_single_labels_too_never_become_less_likely(seed, temperature, strength):
    q = truth(seed)
    labels = labels_of(q, seed)
    log_p = spoiled(q, temperature, strength)
    after = fitted(fit_temperature_and_prior(log_p, labels, PRIOR[None]), log_p)
    clips = clips_of_targets(labels)
    assert score(clips, after).nll <= score(clips, np.exp(log_p)).nll + 1e-6
    assert score(clips, after).nll <= score(clips, q).nll + 1e-6


def test_over_confidence_is_worth_its_calibration_error():
    q = truth(0, n=2000)
    labels = labels_of(q)
    log_p = spoiled(q, 4.0, 0.0)
    after = fitted(fit_temperature_and_prior(log_p, labels, PRIOR[None]), log_p)
    clips = clips_of_targets(labels)
    assert score(clips, np.exp(log_p)).ece > 0.15
    assert score(clips, after).ece < 0.05


def test_a_prior_that_favours_nothing_is_not_taken_off():
    q = truth(1)
    for content_free in (np.log(np.full((3, 4), 0.25)), np.empty((0, 4))):
        correction = fit_temperature_and_prior(spoiled(q, 2.0, 0.0), q, content_free)
        assert correction.prior_strength == 0
        assert correction.temperature == pytest.approx(2, rel=0.01)


def test_the_prior_is_the_mean_probability_of_the_content_free_sounds():
    content_free = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]])
    correction = fit_temperature_and_prior(np.log(truth(2)), truth(2), log_of(content_free))
    np.testing.assert_allclose(np.exp(list(correction.prior)), [0.4, 0.1, 0.1, 0.4], atol=1e-5)


def test_weights_decide_whose_temperature_it_is():
    q = truth(3)
    log_p = np.concatenate([spoiled(q, 3.0, 0), spoiled(q, 0.5, 0)])
    both = np.concatenate([q, q])
    for weights, temperature in (((1, 0), 3.0), ((0, 1), 0.5)):
        found = fit_temperature_and_prior(log_p, both, PRIOR[None], np.repeat(np.array(weights, float), len(q)))
        assert found.temperature == pytest.approx(temperature, rel=0.01)


@pytest.mark.parametrize(("label", "end"), [(0, 0), (3, 1)])
def test_readings_that_are_always_right_or_always_wrong_end_at_a_bound(label, end):
    log_p = np.log(np.tile([0.7, 0.1, 0.1, 0.1], (10, 1)))
    correction = fit_temperature_and_prior(log_p, np.eye(4)[[label] * 10], np.empty((0, 4)))
    assert correction.temperature == pytest.approx(TEMPERATURES[end], rel=1e-3)
