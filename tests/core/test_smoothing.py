import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.distribution import EMOTIONS, SUM_TOLERANCE, EmotionDistribution
from core.settings import SmoothingSettings
from core.smoothing import PROBABILITY_FLOOR, Smoother

ANGRY = EmotionDistribution(0.85, 0.05, 0.05, 0.05)
SAD = EmotionDistribution(0.05, 0.05, 0.85, 0.05)

distributions = st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda w: sum(w) > 1e-3)
distributions = distributions.map(EmotionDistribution.from_weights)
lengths_s = st.floats(0.2, 10)
any_settings = st.builds(SmoothingSettings, tau_s=st.floats(0.1, 60), reset_gap_s=st.floats(0.5, 10))


def near(distribution: EmotionDistribution, tolerance: float = 1e-9):
    return pytest.approx(tuple(distribution), abs=tolerance)


@given(any_settings, st.lists(st.tuples(lengths_s, st.floats(0, 3), distributions), min_size=1, max_size=12))
def test_what_comes_out_is_a_distribution_between_the_readings(options, readings):
    smoother = Smoother(options)
    now_s = 0.0
    logs = []
    for length_s, gap_s, distribution in readings:
        out = smoother.push(now_s, now_s + length_s, distribution, final=True)
        now_s += length_s + gap_s
        logs.append([math.log(max(p, PROBABILITY_FLOOR)) for p in distribution])
        assert abs(math.fsum(out) - 1) <= SUM_TOLERANCE
        # Averaged ratios of two emotions lie between the smallest and the largest seen.
        for one, other in itertools.combinations(range(4), 2):
            ratios = [log[one] - log[other] for log in logs]
            ratio = math.log(tuple(out)[one]) - math.log(tuple(out)[other])
            assert min(ratios) - 1e-6 <= ratio <= max(ratios) + 1e-6


@given(any_settings, distributions, st.lists(lengths_s, min_size=1, max_size=8))
def test_a_constant_reading_stays_what_it_is(options, distribution, lengths):
    assume(min(distribution) >= PROBABILITY_FLOOR)
    smoother = Smoother(options)
    now_s = 0.0
    for length_s in lengths:
        out = smoother.push(now_s, now_s + length_s, distribution, final=True)
        now_s += length_s
        assert tuple(out) == near(distribution)


@given(any_settings, distributions, distributions, lengths_s, lengths_s)
def test_an_utterance_cut_in_two_counts_as_much_as_in_one_piece(options, before, reading, one_s, other_s):
    whole, cut = Smoother(options), Smoother(options)
    for smoother in (whole, cut):
        smoother.push(0, 2, before, final=True)
    cut.push(2, 2 + one_s, reading, final=True)
    in_two = cut.push(2 + one_s, 2 + one_s + other_s, reading, final=True)
    assert tuple(whole.push(2, 2 + one_s + other_s, reading, final=True)) == near(in_two)


@given(any_settings, st.lists(st.tuples(distributions, st.floats(0.2, 5)), max_size=6), distributions)
def test_an_interim_reading_is_shown_but_never_counted(options, interims, final):
    shown, plain = Smoother(options), Smoother(options)
    for smoother in (shown, plain):
        smoother.push(0, 3, ANGRY, final=True)
    for distribution, length_s in interims:
        shown.push(3.2, 3.2 + length_s, distribution, final=False)
    assert shown.push(3.2, 9, final, final=True) == plain.push(3.2, 9, final, final=True)


def test_an_interim_reading_moves_the_preview():
    smoother = Smoother(SmoothingSettings())
    before = smoother.push(0, 3, ANGRY, final=True)
    preview = smoother.push(3, 6, SAD, final=False)
    assert preview.sadness > before.sadness
    # Two readings of 3 s, of which the later one weighs more.
    assert preview.sadness > preview.anger


def test_weights_are_those_of_the_time_constant():
    tau_s = 7.0
    smoother = Smoother(SmoothingSettings(tau_s=tau_s))
    smoother.push(0, 100 * tau_s, ANGRY, final=True)  # a past that is practically infinite
    out = smoother.push(700, 700 + 3, SAD, final=True)
    alpha = 1 - math.exp(-3 / tau_s)
    expected = (1 - alpha) * math.log(0.85 / 0.05) + alpha * math.log(0.05 / 0.85)
    assert math.log(out.anger / out.sadness) == pytest.approx(expected)


def test_a_short_first_reading_is_soon_outweighed():
    smoother = Smoother(SmoothingSettings(tau_s=7))
    smoother.push(0, 0.5, ANGRY, final=True)
    assert smoother.push(0.6, 5, SAD, final=True).dominant == "sadness"


def test_a_long_silence_starts_anew_and_a_short_one_does_not():
    options = SmoothingSettings(reset_gap_s=2.0)
    smoother = Smoother(options)
    smoother.push(0, 3, ANGRY, final=True)
    assert smoother.push(5.0, 6, SAD, final=True).anger > 0.2
    assert tuple(smoother.push(8.1, 9, SAD, final=True)) == near(SAD)


def test_an_interim_reading_after_a_long_silence_shows_the_new_start():
    smoother = Smoother(SmoothingSettings(reset_gap_s=2.0))
    smoother.push(0, 3, ANGRY, final=True)
    assert tuple(smoother.push(6, 9, SAD, final=False)) == near(SAD)
    assert tuple(smoother.push(6, 10, SAD, final=True)) == near(SAD)


def test_a_reset_forgets_everything():
    smoother = Smoother(SmoothingSettings())
    smoother.push(0, 3, ANGRY, final=True)
    smoother.reset()
    assert tuple(smoother.push(3, 4, SAD, final=True)) == near(SAD)


def test_without_a_time_constant_readings_pass_unchanged():
    smoother = Smoother(SmoothingSettings(tau_s=0))
    certain = EmotionDistribution(1, 0, 0, 0)
    for start_s in range(3):
        assert smoother.push(start_s, start_s + 1, certain, final=True) is certain
    assert smoother.push(3, 4, SAD, final=True) is SAD


@pytest.mark.parametrize("emotion", range(len(EMOTIONS)))
def test_a_zero_does_not_rule_an_emotion_out_for_ever(emotion):
    certain = [0.0] * 4
    certain[emotion] = 1.0
    smoother = Smoother(SmoothingSettings(tau_s=7))
    out = smoother.push(0, 3, EmotionDistribution(*certain), final=True)
    assert tuple(out) == pytest.approx(certain, abs=4 * PROBABILITY_FLOOR)
    other = [1.0, 1.0, 1.0, 1.0]
    other[emotion] = 0.0
    for second in range(3, 60):
        out = smoother.push(second, second + 1, EmotionDistribution.from_weights(other), final=True)
    assert tuple(out)[emotion] < 0.01


def test_an_utterance_without_length_changes_nothing():
    smoother = Smoother(SmoothingSettings())
    assert tuple(smoother.push(1, 1, SAD, final=True)) == near(SAD)
    before = smoother.push(1, 3, ANGRY, final=True)
    assert tuple(smoother.push(3, 3, SAD, final=True)) == near(before)
