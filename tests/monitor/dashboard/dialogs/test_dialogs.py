"""Dialogs: a key opens one, Enter gives a command, escape leaves everything as it was."""

import pytest
from textual.widgets import Input

from core.errors import AudioError
from core.settings import READOUTS
from core.wire.commands import Note, Quit, Record, SetModel, SetReading, SetSmoothing, SetVad, SwitchSource
from monitor.dashboard.dialogs.choices import Choices
from monitor.dashboard.dialogs.dialog import Dialog
from monitor.dashboard.dialogs.reading import READOUT_TEXTS
from monitor.dashboard.state.voicing import KEPT, Voicing
from monitor.sources.portaudio import Microphone
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import SMALL, running
from tests.monitor.dashboard.script import Script

OPENING = ("m", "d", "o", "v", "a", "n")
MICROPHONES = [
    Microphone(name=name, host_api=api, default_rate_hz=48000.0, channels=1, is_default=default, index=index)
    for index, (name, api, default) in enumerate(
        [("Desk microphone", "ALSA", True), ("Headset", "ALSA", False), ("Headset", "JACK", False)]
    )
]


def tuned(size=SMALL, scene="tuned", find=lambda: MICROPHONES):
    return running(scenes.events(scene), size, find_microphones=find)


async def test_escape_leaves_everything_as_it_was():
    async with tuned() as driven:
        before = driven.text
        for key in OPENING:
            await driven.press(key)
            assert isinstance(driven.app.screen, Dialog)
            assert "Esc" in driven.text
            await driven.press("escape")
            assert driven.text == before, key
        assert driven.commands == []


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q"])
async def test_the_program_can_be_left_from_every_dialog(key):
    for opening in ("m", "o", "n"):
        async with tuned() as driven:
            await driven.press(opening, key)
            assert driven.commands == [Quit()]


async def test_tab_goes_round_and_traps_nobody():
    async with tuned() as driven:
        await driven.press("d")
        first = driven.app.focused
        await driven.press("tab")
        assert driven.app.focused is not first
        await driven.press("tab")
        assert driven.app.focused is first
        await driven.press("escape")
        assert not isinstance(driven.app.screen, Dialog)


@pytest.mark.parametrize("size", [(20, 12), SMALL], ids=str)
async def test_every_dialog_opens_on_any_terminal(size):
    async with tuned(size) as driven:
        for key in OPENING:
            await driven.press(key)
            assert isinstance(driven.app.screen, Dialog)
            frame = driven.app.screen.query_one("#dialog").region
            assert frame.width <= size[0]
            assert frame.height <= size[1]
            await driven.press("escape")


async def test_all_ways_of_reading_fit_with_their_sentences_on_a_small_terminal():
    async with tuned() as driven:
        await driven.press("o")
        for name in READOUTS:
            assert READOUT_TEXTS[name] in driven.text, name
        assert "● seq_logprob" in driven.text
        assert "● single" in driven.text
        assert "● off" in driven.text


async def test_enter_sends_only_what_changed():
    async with tuned() as driven:
        await driven.press("o", "enter")
        assert driven.commands == []
        await driven.press("o", "down", "enter")
        assert driven.commands == [SetReading(prompt="ambiguous")]
        assert "From the next utterance on: prompt ambiguous." in driven.text


async def test_space_chooses_in_several_groups_and_enter_takes_all():
    async with tuned() as driven:
        await driven.press("o", "down", "space", *["down"] * 3, "space", "end", "enter")
        assert driven.commands == [SetReading(prompt="ambiguous", readout="paper_linear", explain=True)]


async def test_a_click_chooses_in_several_groups_and_takes_a_single_one():
    async with tuned() as driven:
        await driven.press("o")
        await driven.pilot.click(Choices, offset=(3, 3))
        assert isinstance(driven.app.screen, Dialog)
        assert "● ambiguous" in driven.text
        await driven.press("escape", "a")
        await driven.pilot.click(Choices, offset=(3, 0))
        assert driven.commands == [SetSmoothing(tau_s=0.0)]


async def test_the_microphones_are_listed_and_one_is_chosen():
    async with tuned() as driven:
        await driven.press("m")
        assert "● Desk microphone" in driven.text
        assert "the default microphone  now Desk microphone" in driven.text
        assert "Headset, JACK" in driven.text
        await driven.press("end", "enter")
        assert driven.commands == [SwitchSource(source="mic:Headset, JACK")]
        assert "Opening mic:Headset, JACK." in driven.text


async def test_where_there_are_several_streams_that_of_the_timeline_is_switched():
    async with tuned(scene="two_microphones") as driven:
        await driven.press("s", "m", "home", "enter")
        assert driven.commands == [SwitchSource(source="mic", stream="s2")]


async def test_a_microphone_that_is_away_is_a_stream_that_can_be_meant():
    async with tuned(scene="one_source_failed") as driven:
        await driven.press("s", "m", "home", "enter")
        assert driven.commands == [SwitchSource(source="mic", stream="s2")]


async def test_no_microphone_and_no_sound_system_are_said():
    async with tuned(find=list) as driven:
        await driven.press("m")
        assert "There is no microphone" in driven.text
        await driven.press("enter")
        assert driven.commands == []

    def fail():
        msg = "the PortAudio library is missing"
        raise AudioError(msg, hint="apt install libportaudio2")

    async with tuned(find=fail) as driven:
        await driven.press("m")
        assert "the PortAudio library is missing (apt install libportaudio2)" in driven.text


async def test_the_model_in_use_is_marked_and_choosing_it_again_is_nothing():
    async with tuned() as driven:
        await driven.press("d")
        assert "● ltu-as-mini" in driven.text
        await driven.press("enter")
        assert driven.commands == []


async def test_a_model_folder_is_completed_checked_and_taken(tmp_path):
    folder = tmp_path / "converted model"
    folder.mkdir()
    async with tuned() as driven:
        await driven.press("d", "tab")
        driven.app.screen.query_one(Input).insert_text_at_cursor(f"{tmp_path}/con")
        await driven.press("v")
        await driven.pilot.pause(0.1)
        await driven.press("right", "enter")
        await driven.pilot.pause(0.1)
        assert "That is no model folder" in driven.text
        (folder / "config.json").write_text("{}")
        await driven.press("enter")
        await driven.pilot.pause(0.1)
        assert driven.commands == [SetModel(str(folder))]
        assert "until then the present model listens" in driven.text


async def test_a_home_folder_of_nobody_is_no_model_folder():
    async with tuned() as driven:
        await driven.press("d", "tab")
        driven.app.screen.query_one(Input).insert_text_at_cursor("~no-such-user-here/models")
        await driven.press("/", "enter")
        await driven.pilot.pause(0.1)
        assert "~no-such-user-here is not known" in driven.text
        assert driven.commands == []


async def test_moving_through_the_sensitivities_tries_them_and_escape_puts_the_first_back():
    async with tuned() as driven:
        await driven.press("v")
        assert "● 2 careful" in driven.text
        await driven.press("down", "0")
        assert driven.commands == [SetVad(mode=3), SetVad(mode=0)]
        assert "● 0 most open" in driven.text
        await driven.press("escape")
        assert driven.commands[2:] == [SetVad(mode=2)]


async def test_enter_keeps_the_sensitivity_that_was_tried():
    async with tuned() as driven:
        await driven.press("v", "up", "enter")
        assert driven.commands == [SetVad(mode=1)]
        assert not isinstance(driven.app.screen, Dialog)


async def test_what_counts_as_speech_is_shown_live():
    async with tuned(scene="half_voiced") as driven:
        await driven.press("v")
        assert "50% of the last 5 s counts as speech: mic:Desk microphone" in driven.text
        script = Script()
        for number in range(40):
            script.level(55.0 + number / 10, speaking=True)
        await driven.show(script.events)
        assert "90% of the last 5 s" in driven.text


def test_looks_are_bounded_and_begin_anew_with_the_clock():
    script = Script()
    voicing = Voicing()
    for number in range(300):
        script.level(number / 10)
        voicing = voicing.hear_level(script.events[-1])
    assert len(voicing.looks) == KEPT
    assert len(voicing.last(5.0)) == 50
    assert len(voicing.hear_level(script.events[0]).looks) == 1


async def test_the_smoothing_in_use_is_marked_and_another_is_chosen():
    async with tuned() as driven:
        await driven.press("a")
        assert "● 7 s" in driven.text
        await driven.press("down", "enter")
        assert driven.commands == [SetSmoothing(tau_s=15.0)]
        assert "Smoothed over 15 s." in driven.text


async def test_a_note_is_one_line_and_none_is_a_mark():
    async with tuned() as driven:
        await driven.press("n", *"p q  ?", "enter")
        assert driven.commands == [Note(text="p q ?")]
        assert "Noted: p q ?" in driven.text
        await driven.press("n", "enter")
        assert driven.commands[1:] == [Note(text="")]
        assert "Marked." in driven.text


async def test_recording_is_switched_on_and_shows_in_the_header_until_it_is_off():
    async with tuned() as driven:
        assert "REC" not in driven.text
        await driven.press("r")
        assert driven.commands == [Record(on=True)]
        assert "never sound" in driven.text
        await driven.show(scenes.events("recording"))
        assert "● REC" in driven.text.splitlines()[0]
        await driven.press("r")
        assert driven.commands[1:] == [Record(on=False)]
        await driven.show(scenes.events("tuned"))
        assert "REC" not in driven.text.splitlines()[0]


async def test_a_wide_header_names_the_recording():
    async with tuned((120, 40), scene="recording") as driven:
        assert "● RECORDING 20260101-100000.jsonl" in driven.text.splitlines()[0]


async def test_a_refusal_takes_the_message_line():
    async with tuned() as driven:
        await driven.press("r")
        script = Script()
        script.error("command", "recordings: no space left on device")
        await driven.show(script.events)
        assert "recordings: no space left on device" in driven.text


async def test_before_anything_is_known_a_dialog_opens_and_sends_nothing_by_itself():
    async with running(size=SMALL, find_microphones=list) as driven:
        for key in OPENING:
            await driven.press(key)
            assert isinstance(driven.app.screen, Dialog)
            await driven.press("escape")
        assert driven.commands == []
