"""Wishes of the user: the command that comes of each, and what is said of it."""

import pytest

from core.wire.commands import Note, Pause, Record, Resume, SetModel, SetReading, SetSmoothing, SwitchSource
from monitor.dashboard.controls import asked, explaining, pausing, recording
from monitor.dashboard.state.view_model import DashboardState
from tests.monitor.dashboard.driving import seen


def test_pausing_stops_what_listens_and_goes_on_with_what_is_paused():
    assert pausing(seen("clear"), None) == Pause()
    assert pausing(seen("paused"), None) == Resume()
    assert pausing(DashboardState(), None) == Pause()


def test_what_has_ended_is_not_paused():
    assert pausing(seen("file_ended"), None) is None


def test_elsewhere_the_stream_that_is_meant_decides():
    (stream,) = seen("paused").streams
    assert pausing(seen("clear"), stream) == Resume()


def test_recording_and_written_answers_go_on_and_off():
    assert recording(DashboardState()) == Record(on=True)
    assert recording(seen("recording")) == Record(on=False)
    assert explaining(DashboardState()) == SetReading(explain=True)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (Pause(), ""),
        (Record(on=True), "Events are being recorded, never sound."),
        (Record(on=False), "The recording is closed."),
        (Note(text="door"), "Noted: door"),
        (Note(text=""), "Marked."),
        (SetModel("/models/ltu-as"), "Loading ltu-as; until then the present model listens."),
        (SetReading(prompt="single", explain=True), "From the next utterance on: prompt single, written answers."),
        (SetSmoothing(tau_s=0.0), "Not smoothed any more."),
        (SwitchSource(source="mic:Desk"), "Opening mic:Desk."),
    ],
)
def test_the_message_line_says_what_the_screen_does_not_show(command, words):
    assert asked(command) == words
