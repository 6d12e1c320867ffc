"""Words for a reading hold for its numbers, and never contradict each other."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS, MIXED_MARGIN, EmotionDistribution
from core.verdict import TIE_MARGIN, Worth, agreement, clarity, verdict
from core.wire.events import Adaptation

SLACK = 1e-9
"""Sums and logarithms of floats."""
WORDS = {
    "no clear": {"all four possible"},
    "mixed": {"a tie: many would disagree", "nearly tied: many would disagree"},
    "leaning": {"fewer than half would agree"},
    "mostly": {"half or more would agree"},
    "clear": {"most would agree", "few would disagree"},
}
"""Beginning of what is heard, to what may be said of agreement beside it."""

corners = st.permutations([1.0, 0.0, 0.0, 0.0])
edges = st.floats(0, 1).flatmap(lambda share: st.permutations([share, 1 - share, 0.0, 0.0]))
inner = st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda weights: sum(weights) > 1e-3)
skewed = st.lists(st.floats(-12, 0).map(lambda log: 10**log), min_size=4, max_size=4)
simplex = (corners | edges | inner | skewed).map(EmotionDistribution.from_weights)
worths = st.sampled_from(Worth)


@pytest.mark.parametrize(
    ("shares", "heard", "agreed"),
    [
        ((0.85, 0.05, 0.05, 0.05), "clear: anger", "most would agree"),
        ((0.97, 0.01, 0.01, 0.01), "clear: anger", "few would disagree"),
        ((0.02, 0.52, 0.00, 0.46), "mixed: happiness or neutral", "nearly tied: many would disagree"),
        ((0.05, 0.03, 0.48, 0.44), "mixed: sadness or neutral", "a tie: many would disagree"),
        ((0.45, 0.35, 0.10, 0.10), "mixed: anger or happiness", "nearly tied: many would disagree"),
        ((0.30, 0.02, 0.34, 0.34), "mixed: sadness, neutral or anger", "a tie: many would disagree"),
        ((0.05, 0.65, 0.05, 0.25), "mostly happiness, some neutral", "half or more would agree"),
        ((0.50, 0.19, 0.19, 0.12), "mostly anger", "half or more would agree"),
        ((0.46, 0.29, 0.05, 0.20), "leaning to anger", "fewer than half would agree"),
        ((0.40, 0.20, 0.20, 0.20), "no clear emotion heard", "all four possible"),
        ((0.25, 0.25, 0.25, 0.25), "no clear emotion heard", "all four possible"),
    ],
)
def test_a_reading_is_told_in_words(shares, heard, agreed):
    assert verdict(EmotionDistribution(*shares)) == heard
    assert agreement(EmotionDistribution(*shares)) == agreed


@given(simplex)
def test_what_is_heard_and_whether_listeners_agree_never_contradict_each_other(reading):
    heard = verdict(reading)
    assert agreement(reading) in next(said for words, said in WORDS.items() if heard.startswith(words))


@given(simplex)
def test_every_claim_about_listeners_holds_for_the_shares(reading):
    first, second, _, fourth = (share for _, share in reading.ranked)
    holds = {
        "few would disagree": first > 4 / 5,
        "most would agree": first > 2 / 3,
        "half or more would agree": first >= 1 / 2,
        "fewer than half would agree": first < 1 / 2,
        "nearly tied: many would disagree": TIE_MARGIN <= first - second < MIXED_MARGIN and 1 - first > 2 / 5,
        "a tie: many would disagree": first - second < TIE_MARGIN and 1 - first > 2 / 5,
        "all four possible": fourth > 1 / 12,
    }
    assert holds[agreement(reading)]


@given(simplex, worths)
def test_where_two_are_nearly_tied_neither_is_clear_or_ahead(reading, worth):
    if reading.margin < MIXED_MARGIN:
        heard = verdict(reading, worth)
        assert heard == "no clear emotion heard" or heard.startswith("mixed: ")
        assert "would agree" not in agreement(reading, worth)


@given(simplex, worths)
def test_whatever_is_close_to_the_first_is_named_and_nothing_else_is_mixed(reading, worth):
    heard = verdict(reading, worth)
    if heard.startswith("mixed: "):
        (_, most), *_ = reading.ranked
        close = {name for name, share in reading.ranked if most - share < MIXED_MARGIN}
        assert {name for name in EMOTIONS if name in heard} == close
        assert len(close) > 1
    elif heard != "no clear emotion heard":
        assert heard not in EMOTIONS, "a bare emotion would say too much"
        assert reading.dominant in heard


@given(simplex, st.floats(0, 1), worths)
def test_the_more_the_first_emotion_gains_the_clearer_it_is_said(reading, share, worth):
    only = EmotionDistribution(*(float(name == reading.dominant) for name in EMOTIONS))
    weights = [p + (q - p) * share for p, q in zip(reading, only, strict=True)]
    clearer = EmotionDistribution.from_weights(weights)
    if clearer.margin > reading.margin + SLACK and clearer.entropy < reading.entropy - SLACK:
        assert clarity(clearer, worth) >= clarity(reading, worth)


@given(simplex)
def test_no_emotion_is_favoured(reading):
    for shares in itertools.permutations(reading):
        assert clarity(EmotionDistribution(*shares)) is clarity(reading)


@given(simplex, st.sampled_from([Worth.STRANGER, Worth.ROUGH]))
def test_a_reading_that_is_worth_less_is_told_in_weaker_words(reading, worth):
    assert not verdict(reading, worth).startswith("clear")
    assert clarity(reading, worth) <= clarity(reading)
    assert "agree" not in agreement(reading, worth)


@pytest.mark.parametrize(
    ("calibration", "adaptation", "worth"),
    [
        ("cf1ba53dc18a", None, Worth.CALIBRATED),
        ("cf1ba53dc18a", Adaptation(utterances=20, weight=0.8), Worth.CALIBRATED),
        ("cf1ba53dc18a", Adaptation(utterances=0, weight=0.0), Worth.STRANGER),
        ("cf1ba53dc18a", Adaptation(utterances=2, weight=0.3), Worth.STRANGER),
        (None, None, Worth.ROUGH),
        (None, Adaptation(utterances=20, weight=0.8), Worth.ROUGH),
    ],
)
def test_what_percentages_are_worth_follows_calibration_and_what_was_heard_of_the_voice(calibration, adaptation, worth):
    assert Worth.of(calibration, adaptation) is worth
