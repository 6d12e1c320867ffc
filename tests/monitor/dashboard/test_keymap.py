"""The keymap: users move keys without locking themselves in."""

import pytest

from core.errors import UsageError
from core.wire.commands import Pause, Quit
from monitor.dashboard.keymap import checked, display
from monitor.dashboard.look import Look
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import SMALL, running


def test_no_two_actions_share_a_key():
    assert checked({}) == {}


@pytest.mark.parametrize(
    ("keymap", "line"),
    [
        ({"paus": "f5"}, "dashboard.keymap: unknown action 'paus' (did you mean pause?)"),
        (
            {"pause": "m"},
            "dashboard.keymap: m would be both pause and microphone (give microphone another key",
        ),
        ({"pause": "f5", "model": "f5"}, "dashboard.keymap: f5 would be both pause and model (give "),
        ({"note": "escpae"}, "dashboard.keymap: note: unknown key 'escpae' (did you mean escape?)"),
        ({"note": ""}, "dashboard.keymap: note: unknown key ''"),
        ({"quit-now": "f5"}, "dashboard.keymap: quit-now stays where it is"),
        ({"note": "ctrl+c"}, "dashboard.keymap: Ctrl+C would be both quit-now and note"),
        ({"details-older": "x"}, "dashboard.keymap: x would be both details-older and explain"),
    ],
)
def test_a_keymap_that_cannot_be_is_one_line_that_says_what_to_do(keymap, line):
    with pytest.raises(UsageError) as caught:
        checked(keymap)
    assert caught.value.one_line().startswith(line)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("?", "question_mark"), ("f5, x", "f5,x"), (",", "comma"), ("ctrl+x", "ctrl+x"), ("full_stop", "full_stop")],
)
def test_keys_are_written_as_people_write_them(written, meant):
    keymap = {"pause": written, **({"help": "f1"} if written == "?" else {})}
    assert checked(keymap)["pause"] == meant


def test_two_actions_can_change_places():
    assert checked({"pause": "n", "note": "p"}) == {"pause": "n", "note": "p"}


async def test_a_moved_key_does_what_the_old_one_did_and_the_old_one_does_nothing():
    look = Look(keymap=checked({"pause": "f5", "quit": "z"}))
    async with running(scenes.events("clear"), SMALL, look=look) as driven:
        assert "f5 pause" in driven.text
        assert "z quit" in driven.text
        await driven.press("p", "q")
        assert driven.commands == []
        await driven.press("f5")
        assert driven.commands == [Pause()]
        await driven.press("z")
        assert driven.commands == [Pause(), Quit()]


async def test_keys_that_changed_places_do_each_others_work():
    look = Look(keymap=checked({"pause": "q", "quit": "p"}))
    async with running(scenes.events("clear"), SMALL, look=look) as driven:
        await driven.press("q")
        assert driven.commands == [Pause()]
        await driven.press("p")
        assert driven.commands == [Pause(), Quit()]


@pytest.mark.parametrize(
    ("key", "shown"), [("question_mark", "?"), ("pageup", "PgUp"), ("ctrl+p", "Ctrl+P"), ("left", "←"), ("comma", ",")]
)
def test_keys_are_shown_as_people_read_them(key, shown):
    assert display(key) == shown
