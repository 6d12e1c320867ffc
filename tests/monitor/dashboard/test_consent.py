"""The screen before the first listening, as its reader meets it."""

import asyncio

import pytest

from monitor.consent import Disclosure
from monitor.dashboard.consent import ConsentScreen, ask, text
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, running, settle

PLAIN = Disclosure(listens=("mic:Desk microphone",), nearby=True)
MUCH = Disclosure(
    listens=("mic:Desk microphone", "mic:Headset"),
    leaves=("readings, to the MQTT broker mqtts://broker.example:8883",),
    stores=("readings, levels and notes, as a recording, in /home/me/recordings",),
)


async def asked(driven, disclosed):
    answer = asyncio.create_task(ask(driven.app, disclosed))
    await settle(driven.pilot)
    assert isinstance(driven.app.screen, ConsentScreen)
    return answer


def said(driven):
    return " ".join(driven.text.replace("│", " ").split())


@pytest.mark.parametrize("size", [DESIGN, SMALL], ids=["120x40", "80x24"])
async def test_it_says_all_of_it_without_scrolling(size):
    async with running(scenes.events("starting"), size) as driven:
        answer = await asked(driven, MUCH)
        for part in (
            "mic:Desk microphone and mic:Headset, until you pause (p) or quit (q).",
            "Readings, to the MQTT broker mqtts://broker.example:8883.",
            "Readings, levels and notes, as a recording, in /home/me/recordings.",
            "What is never stored or sent Sound, and how a voice sounds (it gets used to yours, in memory).",
            "It is not what anyone feels",
            "Everyone who can be heard must know",
            "Enter: I agree, and those around me know · q: leave",
        ):
            assert part in said(driven)
        answer.cancel()


async def test_where_nothing_leaves_it_says_so_and_who_can_read_along():
    async with running(scenes.events("starting")) as driven:
        answer = await asked(driven, PLAIN)
        assert "What leaves this machine Nothing. Other programs on it can read along" in said(driven)
        answer.cancel()


@pytest.mark.parametrize(("key", "agreed"), [("enter", True), ("q", False), ("escape", False)])
async def test_a_key_answers(key, agreed):
    async with running(scenes.events("starting")) as driven:
        answer = await asked(driven, PLAIN)
        await driven.press(key)
        assert await answer is agreed
        assert not isinstance(driven.app.screen, ConsentScreen)
        assert driven.commands == []


async def test_no_other_key_agrees_or_reaches_the_dashboard_behind():
    async with running(scenes.events("starting")) as driven:
        answer = await asked(driven, PLAIN)
        await driven.press("space", "p", "n", "r", "e", "tab")
        assert not answer.done()
        assert isinstance(driven.app.screen, ConsentScreen)
        assert driven.commands == []
        answer.cancel()


async def test_at_twenty_columns_it_scrolls_and_both_answers_stay_in_sight():
    async with running(scenes.events("starting"), (20, 12)) as driven:
        answer = await asked(driven, MUCH)
        assert "Enter or q" in driven.text
        await driven.press("end")
        assert "first." in driven.text
        answer.cancel()


async def test_who_quits_at_once_is_not_trapped():
    async with running(scenes.events("starting")) as driven:
        answer = await asked(driven, PLAIN)
        await driven.press("ctrl+c")
        assert driven.app._exit
        answer.cancel()


def test_where_a_model_server_hears_along_nobody_is_told_that_sound_is_never_sent():
    server = "the model server https://gpu.example:443"
    told = text(Disclosure(listens=("mic:Desk microphone",), leaves=(f"the sound, to {server}",), hears_along=server))
    assert f"Sound, but to {server}; and how a voice sounds" in told.plain
    assert "Sound, and how" not in told.plain


def test_where_workers_hear_along_how_a_voice_sounds_is_not_said_to_stay_either():
    workers = "the workers at mqtts://gpu.example:8883"
    told = text(
        Disclosure(listens=("mic",), leaves=(f"the sound, to {workers}",), hears_along=workers, voice_leaves=True)
    )
    assert f"(it gets used to yours, in memory), but to {workers}." in told.plain
