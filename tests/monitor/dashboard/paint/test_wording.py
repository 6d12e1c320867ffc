"""What the dashboard says."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from core.distribution import EMOTIONS, EmotionDistribution
from monitor.dashboard.paint import wording
from monitor.dashboard.state.view_model import DashboardState, Lost
from tests.monitor.dashboard.driving import seen
from tests.monitor.dashboard.script import Shares


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ((0.85, 0.05, 0.05, 0.05), "clear: anger"),
        ((0.05, 0.65, 0.05, 0.25), "mostly happiness, some neutral"),
        ((0.05, 0.03, 0.48, 0.44), "mixed: sadness or neutral"),
        ((0.30, 0.02, 0.34, 0.34), "mixed: sadness, neutral or anger"),
        ((0.46, 0.29, 0.05, 0.20), "leaning to anger"),
        ((0.25, 0.25, 0.25, 0.25), "no clear emotion heard"),
        ((0.28, 0.24, 0.23, 0.25), "no clear emotion heard"),
    ],
)
def test_a_distribution_is_told_in_words(shares: Shares, words: str):
    assert wording.verdict(EmotionDistribution(*shares)) == words


@given(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4).filter(lambda weights: sum(weights) > 0.01))
def test_no_verdict_is_a_bare_emotion(weights: list[float]):
    words = wording.verdict(EmotionDistribution.from_weights(weights))
    assert words not in EMOTIONS
    assert words.startswith(("clear: ", "mostly ", "leaning to ", "mixed: ", "no clear emotion heard"))


@given(st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4).filter(lambda weights: sum(weights) > 0.01))
def test_two_emotions_that_are_close_are_both_named(weights: list[float]):
    distribution = EmotionDistribution.from_weights(weights)
    words = wording.verdict(distribution)
    if distribution.margin < wording.MIXED_MARGIN and words != "no clear emotion heard":
        (first, _), (second, _), *_ = distribution.ranked
        assert first in words
        assert second in words


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0:00"), (41.9, "0:41"), (725.0, "12:05"), (3723.0, "1:02:03"), (-1.0, "0:00")]
)
def test_a_position_reads_like_a_clock(seconds: float, text: str):
    assert wording.position(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "just now"), (4.9, "4 s ago"), (185.0, "3 min ago")])
def test_an_age_is_told_in_round_numbers(seconds: float, text: str):
    assert wording.age(seconds) == text


@pytest.mark.parametrize(("value", "text"), [(182.4, "182 ms"), (999.7, "1.0 s"), (1240.0, "1.2 s")])
def test_a_long_latency_is_told_in_seconds(value: float, text: str):
    assert wording.milliseconds(value) == text


def test_losses_are_told_by_reason_and_a_pause_in_seconds():
    lost = {"too_short": Lost(times=2, seconds=0.7), "paused": Lost(times=40, seconds=9.5)}
    assert wording.losses(lost) == f"too short {wording.TIMES}2, paused 9.5 s"
    assert wording.losses({}) == "nothing"


def test_only_speech_that_should_have_been_read_is_a_worry():
    assert not wording.worrying({"too_short": Lost(times=2), "paused": Lost(seconds=9.5)})
    assert wording.worrying({"too_short": Lost(times=2), "overload": Lost(times=1)})


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("file:talk.wav", "The file has ended; q quits."),
        ("stdin", "The input has ended; q quits."),
        ("mic:Desk", "It has ended; q quits."),
    ],
)
def test_the_end_of_a_source_is_told_by_its_kind(source: str, words: str):
    assert wording.ended(source) == words


def test_a_model_folder_is_called_by_its_name():
    state = seen("starting")
    assert state.health is not None
    assert wording.model_name(state) == "ltu-as-mini"
    assert wording.model_name(DashboardState(session=wording_session("/models/ltu-as-7b"))) == "ltu-as-7b"


def wording_session(model: str):
    from monitor.dashboard import Session

    return Session(model=model)


def test_every_sentence_about_readings_says_heard_and_none_says_that_someone_feels():
    for sentence in wording.ABOUT:
        assert "heard" in sentence.lower()
        assert "feels" not in sentence.replace("not what anyone feels", "")
