"""The command palette and the help: everything that has a key is there, by its name."""

from textual.command import CommandPalette

from core.wire.commands import Pause
from monitor.dashboard import keymap, keys
from monitor.dashboard.dialogs.note import NoteDialog
from monitor.dashboard.look import Look
from monitor.dashboard.paint import themes
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import running

TALL = (100, 90)


async def test_the_palette_lists_every_action_with_its_key_and_every_theme():
    async with running(scenes.events("clear"), TALL) as driven:
        await driven.press("ctrl+p")
        assert isinstance(driven.app.screen, CommandPalette)
        for key in keymap.listed((*keys.PROGRAM, *keys.CONTROL, *keys.LOOKS), {}):
            if key.id not in keys.FIXED:
                assert f"{key.name}: {key.text}  {key.keys}" in driven.text
        for label in themes.LABELS.values():
            assert f"theme {label}" in driven.text
        await driven.press("escape")
        assert not isinstance(driven.app.screen, CommandPalette)


async def test_a_command_is_found_by_what_it_does_and_run():
    async with running(scenes.events("clear")) as driven:
        await driven.press("ctrl+p", *"stop listening")
        await driven.pilot.pause(0.3)
        await driven.press("enter")
        await driven.pilot.pause(0.3)
        assert driven.commands == [Pause()]


async def test_a_dialog_opens_from_the_palette():
    async with running(scenes.events("clear")) as driven:
        await driven.press("ctrl+p", *"note: mark")
        await driven.pilot.pause(0.3)
        await driven.press("enter")
        await driven.pilot.pause(0.3)
        assert isinstance(driven.app.screen, NoteDialog)


async def test_a_theme_is_picked_by_its_name(tmp_path):
    async with running(scenes.events("clear"), look=Look(memory=tmp_path / "theme")) as driven:
        await driven.press("ctrl+p", *"blind safe, light")
        await driven.pilot.pause(0.3)
        await driven.press("enter")
        await driven.pilot.pause(0.3)
        assert driven.app.theme == "emotion-colour-blind-light"
        assert (tmp_path / "theme").read_text() == "colour-blind-light"


async def test_the_help_lists_every_key_that_does_something_as_the_keymap_has_it():
    look = Look(keymap=keymap.checked({"pause": "f5"}))
    async with running(scenes.events("clear"), (120, 120), look=look) as driven:
        await driven.press("question_mark")
        said = " ".join(driven.text.replace("│", " ").split())
        for key in keymap.listed(keys.BINDINGS, look.keymap):
            if key.id.startswith("replay-"):
                assert f"({key.id})" not in said
                continue
            assert " ".join(f"{key.keys} {key.text} ({key.id})".split()) in said
