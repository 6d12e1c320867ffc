"""The anchor of a stream: a mean that believes what was heard as neutral, and forgets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.anchor import HALF_LIFE_S, Anchor, Heard
from core.distribution import EmotionDistribution

weights = st.tuples(*[st.floats(0.01, 1.0)] * 4)
utterances = st.lists(st.tuples(st.floats(-10, 10), weights, st.floats(0, 100)), min_size=1, max_size=20)


def neutral(share: float) -> EmotionDistribution:
    return EmotionDistribution(anger=1 - share, happiness=0.0, sadness=0.0, neutral=share)


def heard(value: float, encoder: str = "whisper") -> Heard:
    return Heard(encoder, np.full(3, value, np.float32))


@given(utterances)
def test_it_is_the_mean_of_what_was_heard_weighted_by_the_square_of_how_neutral_that_was(heard_so_far):
    anchor = Anchor()
    for value, shares, _ in heard_so_far:
        anchor = anchor.push(heard(value), EmotionDistribution.from_weights(shares), at_s=0.0)
    shares = [EmotionDistribution.from_weights(shares).neutral ** 2 for _, shares, _ in heard_so_far]
    mean = np.average([value for value, _, _ in heard_so_far], weights=shares)
    assert anchor.mean == pytest.approx([mean] * 3, abs=1e-4)
    assert anchor.mass == pytest.approx(sum(shares))
    assert anchor.utterances == len(heard_so_far)


@given(utterances)
def test_it_never_leaves_what_was_heard_and_takes_no_more_memory(heard_so_far):
    anchor, at_s = Anchor(), 0.0
    for value, shares, pause_s in heard_so_far:
        at_s += pause_s
        anchor = anchor.push(heard(value), EmotionDistribution.from_weights(shares), at_s=at_s)
        values = [value for value, _, _ in heard_so_far]
        assert anchor.mean.shape == (3,)
        assert min(values) - 1e-4 <= anchor.mean[0] <= max(values) + 1e-4
        assert 0 <= anchor.weight(3.0) < 1


def test_pushing_leaves_the_anchor_before_as_it_was():
    first = Anchor().push(heard(1.0), neutral(1.0), at_s=1.0)
    first.push(heard(5.0), neutral(1.0), at_s=2.0)
    assert first.mean.tolist() == [1.0] * 3


def test_what_was_not_heard_as_neutral_says_nothing_of_the_voice():
    anchor = Anchor().push(heard(9.0), neutral(0.0), at_s=1.0)
    assert (anchor.mass, anchor.weight(3.0)) == (0.0, 0.0)
    assert anchor.push(heard(1.0), neutral(1.0), at_s=2.0).mean == pytest.approx([1.0] * 3)


def test_it_forgets_half_in_its_half_life():
    anchor = Anchor().push(heard(0.0), neutral(1.0), at_s=0.0).push(heard(3.0), neutral(1.0), at_s=HALF_LIFE_S)
    assert anchor.mass == pytest.approx(1.5)
    assert anchor.mean == pytest.approx([2.0] * 3)


def test_features_of_another_encoder_begin_a_new_one():
    anchor = Anchor().push(heard(1.0), neutral(1.0), at_s=1.0).push(heard(7.0, "other"), neutral(0.5), at_s=2.0)
    assert (anchor.encoder, anchor.utterances, anchor.mass) == ("other", 1, 0.25)
    assert anchor.mean == pytest.approx([7.0] * 3)


def test_nothing_heard_weighs_nothing():
    assert Anchor().weight(3.0) == 0.0
