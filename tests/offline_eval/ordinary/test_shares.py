"""Shares of time: how much is heard as what."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS, EmotionDistribution
from core.model import Reading
from offline_eval.ordinary.listen import Said
from offline_eval.ordinary.shares import LENGTHS_S, by_length, shares_of

distributions = st.lists(st.floats(1e-3, 1), min_size=4, max_size=4).map(EmotionDistribution.from_weights)
durations_s = st.floats(0.1, 10)


def said(duration_s, distribution, reason=None):
    reading = Reading(distribution=distribution, reason=reason)
    return Said(recording=Path("a.wav"), start_s=0.0, duration_s=duration_s, reading=reading)


utterances = st.lists(st.builds(said, durations_s, st.one_of(st.none(), distributions)), max_size=12)


def test_time_counts_and_not_utterances():
    calm, angry = EmotionDistribution(0.1, 0.1, 0.1, 0.7), EmotionDistribution(0.9, 0.04, 0.03, 0.03)
    shares = shares_of([said(6.0, calm), said(2.0, angry), said(2.0, None, "too quiet")])
    assert shares.dominant == {"anger": 0.25, "happiness": 0, "sadness": 0, "neutral": 0.75}
    assert shares.loud == shares.surely_loud == 0.25
    assert shares.refused == pytest.approx(0.2)
    assert shares.mean["anger"] == pytest.approx((6 * 0.1 + 2 * 0.9) / 8)


@given(utterances)
def test_shares_are_shares(speech):
    for shares in by_length(speech).values():
        read = any(one.reading.distribution for one in speech if shares.utterances)
        if read and shares.refused < 1:
            assert sum(shares.dominant.values()) == pytest.approx(1)
            assert sum(shares.mean.values()) == pytest.approx(1)
        assert all(shares.sure[emotion] <= shares.dominant[emotion] for emotion in EMOTIONS)
        assert 0 <= shares.entropy <= 1 + 1e-9
        assert -1e-9 <= shares.refused <= 1


@given(utterances)
def test_every_utterance_is_of_one_length(speech):
    parts = by_length(speech)
    assert sum(parts[name].utterances for name in LENGTHS_S) == parts["all"].utterances == len(speech)
