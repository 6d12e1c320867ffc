"""The mean reading of a stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.anchor import HALF_LIFE_S
from core.distribution import EmotionDistribution
from core.mean_reading import EXPECTED, PSEUDO_UTTERANCES, MeanReading

readings = st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4).map(EmotionDistribution.from_weights)


def after(heard, mean=None):
    mean = mean or MeanReading()
    for reading in heard:
        mean = mean.push(reading, at_s=0.0)
    return mean


@given(readings)
def test_before_anything_was_heard_a_reading_is_as_it_is(reading):
    assert tuple(MeanReading().levelled(reading)) == pytest.approx(tuple(reading))
    assert MeanReading().weight == 0


@given(st.lists(st.floats(0.1, 1.0), min_size=4, max_size=4).map(EmotionDistribution.from_weights))
def test_a_voice_that_is_always_read_alike_comes_to_what_streams_hold(reading):
    mean = after([reading] * 5000)
    assert tuple(mean.levelled(reading)) == pytest.approx(tuple(EXPECTED), abs=0.03)
    assert mean.weight == pytest.approx(1, abs=0.01)


@given(readings, st.lists(readings, min_size=1, max_size=20))
def test_it_is_the_mean_of_what_was_read_and_of_what_is_expected(reading, heard):
    whole = PSEUDO_UTTERANCES + len(heard)
    means = [
        (PSEUDO_UTTERANCES * e + sum(values)) / whole
        for e, values in zip(EXPECTED, zip(*heard, strict=True), strict=True)
    ]
    wanted = EmotionDistribution.from_weights([p * e / m for p, e, m in zip(reading, EXPECTED, means, strict=True)])
    assert tuple(after(heard).levelled(reading)) == pytest.approx(tuple(wanted))


@given(readings, readings)
def test_it_forgets_half_in_its_half_life(first, second):
    mean = MeanReading().push(first, at_s=0.0).push(second, at_s=HALF_LIFE_S)
    assert mean.mass == pytest.approx(1.5)
    assert mean.sums == pytest.approx([0.5 * a + b for a, b in zip(first, second, strict=True)])


def test_another_model_begins_anew():
    mean = after([EXPECTED], MeanReading().of("a"))
    assert mean.of("a") is mean
    assert mean.of("b") == MeanReading(model="b")
