"""What a stream's past keeps, and that it stays small."""

import time
from dataclasses import replace

import pytest

from core.wire.events import DropEvent, LevelEvent, UtteranceEvent
from monitor.dashboard.state import past as pasts
from monitor.dashboard.state.past import Past
from tests.monitor.dashboard.script import Script, Shares

SAD: Shares = (0.1, 0.1, 0.7, 0.1)
ANGRY: Shares = (0.7, 0.1, 0.1, 0.1)


def heard(script: Script) -> Past:
    past = Past()
    for event in script.events:
        match event:
            case LevelEvent():
                past = past.hear_level(event)
            case UtteranceEvent():
                past = past.hear_utterance(event)
            case DropEvent():
                past = past.hear_drop(event)
    return past


def levels(script: Script, start_s: float, end_s: float, *, speaking: bool = True) -> None:
    for tenth in range(round(start_s * 10), round(end_s * 10) + 1):
        script.level(tenth / 10, speaking=speaking)


def test_speech_that_goes_on_is_one_stretch_and_ends_with_the_first_quiet_level():
    script = Script()
    levels(script, 1.0, 3.0)
    past = heard(script)
    assert past.speaking is not None
    assert (past.speaking.start_s, past.speaking.end_s) == (1.0, 3.0)
    script.level(3.1)
    past = heard(script)
    assert past.speaking is None
    assert [(stretch.start_s, stretch.end_s) for stretch in past.speech] == [(1.0, 3.0)]


def test_speech_before_and_after_a_hole_in_the_levels_is_two_stretches():
    script = Script()
    levels(script, 1.0, 2.0)
    levels(script, 8.0, 9.0)
    past = heard(script)
    assert [stretch.end_s for stretch in past.speech] == [2.0]
    assert past.speaking is not None
    assert past.speaking.start_s == 8.0


def test_an_interim_reading_stands_until_its_final_one_and_never_comes_back():
    script = Script()
    script.utterance(1.0, 2.0, SAD, final=False, number=1)
    script.utterance(1.0, 4.0, ANGRY, number=1)
    final = heard(script)
    assert [(reading.end_s, reading.final) for reading in final.readings] == [(4.0, True)]
    script.utterance(1.0, 3.0, SAD, final=False, number=1)
    assert heard(script).readings == final.readings


def test_readings_are_in_order_of_time_whatever_the_order_they_came_in():
    script = Script()
    script.utterance(5.0, 6.0, SAD)
    script.utterance(1.0, 2.0, ANGRY)
    assert [reading.start_s for reading in heard(script).readings] == [1.0, 5.0]


def test_losses_that_touch_and_have_one_reason_are_one():
    script = Script()
    for start_s in (1.0, 1.5, 2.0, 4.0):
        script.drop(start_s, start_s + 0.5, "overflow")
    script.drop(4.5, 5.0, "paused")
    stretches = [(loss.start_s, loss.end_s, loss.reason) for loss in heard(script).losses]
    assert stretches == [(1.0, 2.5, "overflow"), (4.0, 4.5, "overflow"), (4.5, 5.0, "paused")]


def test_the_time_of_day_is_known_from_the_first_utterance():
    script = Script()
    script.level(1.0)
    assert heard(script).zero_at is None
    script.utterance(1.0, 2.0, SAD)
    assert heard(script).zero_at == pytest.approx(1_767_261_600.0)


@pytest.mark.parametrize("bad", [float("inf"), float("-inf"), float("nan")])
def test_impossible_times_change_nothing(bad):
    script = Script()
    script.utterance(1.0, 2.0, SAD)
    script.level(3.0)
    script.drop(3.0, 4.0, "overload")
    past = heard(script)
    reading, _, level, drop = script.events
    assert isinstance(reading, UtteranceEvent)
    assert isinstance(level, LevelEvent)
    assert isinstance(drop, DropEvent)
    assert past.hear_utterance(replace(reading, utterance=2, end_s=bad)) == past
    assert past.hear_level(replace(level, at_s=bad)) == past
    assert past.hear_drop(replace(drop, start_s=bad)) == past
    assert past.mark(bad, "here") == past


def test_what_was_said_at_a_moment_is_found_and_so_is_what_was_said_just_after():
    script = Script()
    script.utterance(1.0, 2.0, SAD)
    script.utterance(5.0, 6.0, ANGRY)
    past = heard(script)
    assert past.at(1.5) is past.readings[0]
    assert past.at(3.0) is None
    assert past.at(4.5, within_s=1.0) is past.readings[1]


def test_an_hour_of_talk_is_bounded_and_every_event_is_cheap():
    level = LevelEvent(
        stream="s1", source="mic", at_s=0.0, rms_dbfs=-30.0, peak_dbfs=-20.0, voiced=True, speaking=False
    )
    script = Script()
    script.utterance(0.0, 1.0, SAD)
    reading = script.events[0]
    assert isinstance(reading, UtteranceEvent)
    past = Past()
    count = 0
    started_s = time.process_time()
    for second in range(2 * 3600):
        for tenth in range(5):
            past = past.hear_level(replace(level, at_s=second + tenth / 5, speaking=second % 2 == 0))
            count += 1
        if second % 2:
            past = past.hear_utterance(replace(reading, utterance=second, start_s=second - 1.0, end_s=float(second)))
            past = past.mark(float(second), "here")
            count += 2
    each_s = (time.process_time() - started_s) / count
    assert len(past.readings) == pasts.READING_LIMIT
    assert len(past.speech) <= pasts.SPEECH_LIMIT
    assert len(past.notes) == pasts.NOTE_LIMIT
    assert each_s < 200e-6, f"{each_s * 1e6:.0f} µs an event"
