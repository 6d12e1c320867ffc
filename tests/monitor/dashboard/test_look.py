"""What the dashboard looks like: settings, then the terminal, then what was chosen last time."""

import pytest

from core.errors import UsageError
from core.settings import DashboardSettings
from core.settings_file import load_settings
from monitor.dashboard.look import Look, chosen_look, needs_ascii
from monitor.dashboard.main_screen import SETTLE_S
from monitor.dashboard.paint import themes
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, running, settle


def look(settings=None, *, term="xterm-256color", encoding="utf-8", memory=None):
    return chosen_look(settings or DashboardSettings(), environ={"TERM": term}, encoding=encoding, memory=memory)


def test_without_settings_it_is_dark_with_blocks(tmp_path):
    memory = tmp_path / "theme"
    assert look(memory=memory) == Look(memory=memory)


def test_the_theme_chosen_last_time_comes_back_unless_the_settings_name_one(tmp_path):
    memory = tmp_path / "state" / "theme"
    look(memory=memory).remember("colour-blind-dark")
    assert look(memory=memory).theme == "colour-blind-dark"
    assert look(DashboardSettings(theme="light"), memory=memory).theme == "light"


@pytest.mark.parametrize("content", [b"", b"puce", b"\xff\xfe", b"dark\n"])
def test_whatever_was_remembered_there_is_a_theme(tmp_path, content):
    memory = tmp_path / "theme"
    memory.write_bytes(content)
    assert look(memory=memory).theme == "dark"


def test_a_folder_that_cannot_be_written_to_disturbs_nobody(tmp_path):
    (tmp_path / "file").touch()
    Look(memory=tmp_path / "file" / "theme").remember("light")


@pytest.mark.parametrize(
    ("term", "encoding", "plain"),
    [
        ("xterm-256color", "utf-8", False),
        ("xterm-256color", "UTF8", False),
        ("linux", "utf-8", True),
        ("dumb", "utf-8", True),
        ("vt220", "utf-8", True),
        ("xterm", "ascii", True),
        ("xterm", "iso8859-1", True),
        ("xterm", "no such encoding", True),
    ],
)
def test_ascii_is_for_terminals_without_blocks(term, encoding, plain):
    assert needs_ascii(term, encoding) is plain


@pytest.mark.parametrize("wanted", [True, False])
def test_the_settings_decide_about_ascii_where_they_say(tmp_path, wanted):
    assert look(DashboardSettings(ascii=wanted), term="dumb", memory=tmp_path / "theme").ascii is wanted


def test_a_keymap_that_cannot_be_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(UsageError, match="unknown action"):
        look(DashboardSettings(keymap={"nothing": "x"}), memory=tmp_path / "theme")


def test_file_and_environment_name_keys(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[dashboard]\nascii = true\nkeymap = { pause = "f5,space", quit = "x" }\n')
    assert load_settings(file=file, environ={}).dashboard.keymap == {"pause": "f5,space", "quit": "x"}
    environ = {"EMOTION_MONITOR_DASHBOARD__KEYMAP": "pause=f5,space quit=x", "EMOTION_MONITOR_DASHBOARD__ASCII": "true"}
    assert load_settings(environ=environ).dashboard == load_settings(file=file, environ={}).dashboard


async def test_a_key_goes_through_the_themes_says_which_and_remembers_it(tmp_path):
    memory = tmp_path / "theme"
    async with running(scenes.events("clear"), SMALL, look=Look(memory=memory)) as driven:
        for name in (*themes.NAMES[1:], themes.NAMES[0]):
            await driven.press("t")
            assert driven.app.theme == f"emotion-{name}"
            assert themes.LABELS[name] in driven.text
            assert memory.read_text() == name
            assert "clear: anger" in driven.text


async def test_compact_takes_three_lines_a_stream_and_says_the_same():
    async with running(scenes.events("mixed"), SMALL, look=Look(compact=True)) as driven:
        assert "mixed: sadness or neutral" in driven.text
        assert "48%" in driven.text
        assert "this utterance" not in driven.text
        assert driven.text.count("0:") > 6, "more rows of the table fit"


async def test_twenty_columns_still_say_all_four_shares():
    async with running(scenes.events("mixed"), (20, 12)) as driven:
        assert "A6 H3 S48 N43" in driven.text


async def test_another_size_is_taken_on_in_a_step_or_two():
    async with running(scenes.events("explained"), DESIGN) as driven:
        app, frames = driven.app, []
        display = app._display

        def displayed(screen, renderable):
            display(screen, renderable)
            if not app._batch_count and (not frames or frames[-1] != driven.text):
                frames.append(driven.text)

        app._display = displayed
        for size in (SMALL, DESIGN, (60, 20)):
            frames.clear()
            await driven.pilot.resize_terminal(*size)
            await driven.pilot.pause(3 * SETTLE_S)
            await settle(driven.pilot)
            assert frames[-1:] == [driven.text]
            assert len(frames) <= 3, size


async def test_without_colour_the_screen_says_the_same(monkeypatch):
    for name, value in {"NO_COLOR": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}.items():
        monkeypatch.setenv(name, value)
    async with running(scenes.events("explained"), SMALL) as driven:
        assert "mixed: sadness or neutral" in driven.text
        styles = {segment.style for strip in driven.app.screen._compositor.render_strips() for segment in strip}
        colours = {c.get_truecolor() for style in styles if style for c in (style.color, style.bgcolor) if c}
        assert colours
        assert all(c.red == c.green == c.blue for c in colours)
