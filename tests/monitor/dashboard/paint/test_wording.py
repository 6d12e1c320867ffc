"""What the dashboard says."""

import pytest

from monitor.dashboard.paint import wording
from monitor.dashboard.state.view_model import DashboardState, Lost
from tests.monitor.dashboard.driving import seen


def test_the_panel_says_one_sentence_of_entropy_and_margin():
    state = seen("interim")
    first, *numbers = wording.certainty(state, state.streams[0])
    assert first == "half or more would agree"
    assert numbers == ["margin 0.22", "entropy 0.80"]


@pytest.mark.parametrize(
    ("scene", "headline", "sentence"),
    [
        ("clear", "clear: anger", "most would agree"),
        ("stranger", "mostly neutral", "getting to know this voice"),
        ("uncalibrated", "mostly anger", "uncalibrated: only a rough guide"),
    ],
)
def test_a_reading_of_a_voice_that_calibration_says_little_of_is_told_in_weaker_words(scene, headline, sentence):
    state = seen(scene)
    assert wording.headline(state, state.streams[0]) == headline
    assert wording.certainty(state, state.streams[0])[0] == sentence


def test_what_was_too_short_is_said_to_be_so_without_its_pauses():
    state = seen("no_reading")
    (stream,) = state.streams
    said = " ".join((wording.headline(state, stream), *wording.when(stream), *wording.certainty(state, stream)))
    assert said.startswith("no reading: too short 1.5 s with pauses at 0:17")
    assert "Without pauses it is too little sound." in said
    assert "of speech" not in said


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
