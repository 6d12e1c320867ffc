import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS, SUM_TOLERANCE, EmotionDistribution, js_divergence, kl_divergence

weights = st.lists(st.floats(0, 1e6), min_size=4, max_size=4).filter(lambda w: sum(w) > 1e-6)
distributions = weights.map(EmotionDistribution.from_weights)
log_weights = st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4)


@given(weights)
def test_weights_become_probabilities_in_the_same_proportion(values):
    distribution = EmotionDistribution.from_weights(values)
    assert abs(math.fsum(distribution) - 1) <= SUM_TOLERANCE
    for probability, weight in zip(distribution, values, strict=True):
        assert probability * math.fsum(values) == pytest.approx(weight)


@given(log_weights, st.floats(-1e3, 1e3))
def test_log_weights_may_be_shifted_by_any_constant(values, shift):
    shifted = EmotionDistribution.from_log_weights([value + shift for value in values])
    assert tuple(shifted) == pytest.approx(tuple(EmotionDistribution.from_log_weights(values)), abs=1e-9)


def test_log_weights_give_the_softmax():
    distribution = EmotionDistribution.from_log_weights([math.log(8), math.log(4), math.log(3), math.log(1)])
    assert tuple(distribution) == pytest.approx((0.5, 0.25, 0.1875, 0.0625))


@pytest.mark.parametrize(
    "values",
    [
        (0.5, 0.5, 0.5, -0.5),
        (math.nan, 0.5, 0.3, 0.2),
        (math.inf, 0, 0, 0),
        (1e308,) * 4,
        (0.3, 0.3, 0.3, 0.0999),
        (0, 0, 0, 0),
    ],
)
def test_what_is_no_distribution_is_refused(values):
    with pytest.raises(ValueError, match="probabilities must"):
        EmotionDistribution(*values)


@pytest.mark.parametrize("values", [(0, 0, 0, 0), (math.nan, 1, 1, 1), (math.inf, 1, 1, 1), (1, 1, 1), (-1, 2, 1, 1)])
def test_weights_without_a_proportion_are_refused(values):
    with pytest.raises(ValueError, match=r"weights|probabilities"):
        EmotionDistribution.from_weights(values)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_log_weight_that_is_not_finite_never_becomes_a_distribution(bad):
    with pytest.raises(ValueError, match="log-weights must be finite"):
        EmotionDistribution.from_log_weights([0, 0, bad, 0])


def test_names_and_order_agree_everywhere():
    distribution = EmotionDistribution(0.4, 0.3, 0.2, 0.1)
    assert list(distribution.as_dict()) == list(EMOTIONS)
    assert distribution.as_dict() == {"anger": 0.4, "happiness": 0.3, "sadness": 0.2, "neutral": 0.1}
    assert tuple(distribution) == (0.4, 0.3, 0.2, 0.1)


@given(distributions)
def test_rank_dominance_and_margin_tell_the_same_story(distribution):
    ranked = distribution.ranked
    assert sorted(name for name, _ in ranked) == sorted(EMOTIONS)
    assert [p for _, p in ranked] == sorted(distribution, reverse=True)
    assert distribution.dominant == ranked[0][0]
    assert distribution.margin == ranked[0][1] - ranked[1][1] >= 0


def test_ties_keep_the_order_of_the_emotions():
    assert [name for name, _ in EmotionDistribution.uniform().ranked] == list(EMOTIONS)
    assert EmotionDistribution(0.1, 0.4, 0.1, 0.4).dominant == "happiness"


def test_entropy_is_one_when_nothing_is_known_and_zero_when_all_is():
    assert EmotionDistribution.uniform().entropy == pytest.approx(1)
    assert str(EmotionDistribution(0, 0, 1, 0).entropy) == "0.0", "and no negative zero"
    assert EmotionDistribution(0.5, 0.5, 0, 0).entropy == pytest.approx(0.5)


@given(distributions, distributions)
def test_jensen_shannon_is_symmetric_bounded_and_zero_for_equals(p, q):
    divergence = js_divergence(p, q)
    assert divergence == pytest.approx(js_divergence(q, p), abs=1e-12)
    assert 0 <= divergence <= math.log(2) + 1e-12
    assert js_divergence(p, p) == pytest.approx(0, abs=1e-12)


def test_jensen_shannon_of_opposites_is_the_logarithm_of_two():
    assert js_divergence((1, 0, 0, 0), (0, 1, 0, 0)) == pytest.approx(math.log(2))
    assert js_divergence((5e-324, 1, 0, 0), (0, 1, 0, 0)) == 0, "half of the least there is, is nothing"


@given(distributions, distributions)
def test_kullback_leibler_is_finite_and_hardly_below_zero(p, q):
    assert -1e-6 <= kl_divergence(p, q) < math.inf
    assert kl_divergence(p, p) == pytest.approx(0, abs=1e-6)


def test_kullback_leibler_by_hand():
    expected = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert kl_divergence((0.5, 0.5, 0, 0), (0.25, 0.75, 0, 0)) == pytest.approx(expected, abs=1e-6)


@given(st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4).map(EmotionDistribution.from_weights), st.floats(0.1, 10))
def test_other_odds_of_neutral_speech_multiply_its_odds_and_leave_the_rest_in_proportion(reading, odds):
    moved = reading.expecting(odds)
    assert moved.neutral / moved.anger == pytest.approx(odds * reading.neutral / reading.anger)
    assert moved.happiness / moved.anger == pytest.approx(reading.happiness / reading.anger)
    assert tuple(moved.expecting(1 / odds)) == pytest.approx(tuple(reading))
