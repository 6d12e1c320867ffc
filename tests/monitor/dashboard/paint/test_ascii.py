"""ASCII mode: nothing but ASCII goes to the terminal, and it is as wide as what it stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from monitor.dashboard.look import Look
from monitor.dashboard.paint.ascii import SIGNS, plain
from monitor.dashboard.state.view_model import DashboardState
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, running
from tests.monitor.dashboard.script import Script


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_any_text_becomes_ascii_of_the_same_width(text):
    shown = plain(text)
    assert shown.isascii()
    assert len(shown) == sum(max(cell_len(char), 0) for char in text)


def test_every_sign_stands_for_as_many_cells():
    assert all(len(ascii_) == cell_len(sign) for sign, ascii_ in SIGNS.items())


@pytest.mark.parametrize(
    ("text", "shown"), [("███▎", "###."), ("Müller", "Muller"), ("\N{MINUS SIGN}52 dBFS", "-52 dBFS"), ("声", "??")]
)
def test_signs_become_what_looks_like_them(text, shown):
    assert plain(text) == shown


@pytest.mark.parametrize("size", [DESIGN, SMALL], ids=str)
async def test_every_scene_is_ascii_only(size):
    async with running(size=size, look=Look(ascii=True)) as driven:
        for scene in scenes.SCENES.keys() - {"busy_hour"}:
            driven.app.state = DashboardState()
            await driven.show(scenes.events(scene))
            assert driven.text.isascii(), scene


async def test_every_screen_is_ascii_only():
    async with running(scenes.events("half_voiced"), SMALL, look=Look(ascii=True), find_microphones=list) as driven:
        for key in ("question_mark", "ctrl+p", "enter", "n", "m", "d", "o", "v", "a"):
            await driven.press(key)
            assert len(driven.app.screen_stack) == 2, key
            assert driven.text.isascii(), key
            await driven.press("escape")


async def test_bars_and_frames_are_drawn_and_keys_are_words():
    async with running(scenes.events("mixed"), SMALL, look=Look(ascii=True)) as driven:
        assert "#########" in driven.text
        assert "+----" in driven.text
        assert "enter details" in driven.text


async def test_names_from_outside_become_ascii_too():
    script = Script(sources={"s1": "mic:Tischmikrofon für Ärzte 🎤"})
    script.level(1.0)
    async with running(script.events, SMALL, look=Look(ascii=True)) as driven:
        assert "mic:Tischmikrofon fur Arzte ??" in driven.text
