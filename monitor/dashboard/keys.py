"""Every key of the dashboard by topic, and the keymap by which users move them."""

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingsMap
from textual.keys import Keys, format_key

from core.errors import UsageError
from monitor.dashboard import browsing, playing
from monitor.dashboard.widgets.details import DetailsScreen
from monitor.dashboard.widgets.health_screen import HealthScreen
from monitor.dashboard.widgets.heat_map import HeatMap

PROGRAM: tuple[Binding, ...] = (
    Binding("q", "quit", "quit", id="quit", tooltip="End listening and the program"),
    Binding("ctrl+c,ctrl+q", "quit", "quit at once", id="quit-now", show=False, priority=True, tooltip="The same"),
    Binding("space,p", "pause", "pause", key_display="p", id="pause", tooltip="Stop listening, or go on"),
    Binding("question_mark,f1", "help", "help", key_display="?", id="help", tooltip="What the bars mean; all keys"),
    Binding("h", "health", "health", id="health", tooltip="Whether all is well: losses, delays, model, broker"),
    Binding("ctrl+p", "command_palette", "find", key_display="^p", id="palette", tooltip="Find a command by its name"),
)
CONTROL: tuple[Binding, ...] = (
    Binding("n", "note", "note", id="note", tooltip="Mark this moment, with a note if you like"),
    Binding("r", "record", "record", id="record", tooltip="Record events for a replay, never sound; or stop"),
    Binding("e", "export", "export", id="export", tooltip="Write the session to files: tables, events, a page"),
    Binding("m", "microphone", "microphone", id="microphone", tooltip="Listen to another microphone"),
    Binding("d", "model", "model", id="model", tooltip="Let another model listen"),
    Binding("o", "reading", "reading", id="reading", tooltip="How the model is asked and its logits are read"),
    Binding("v", "sensitivity", "sensitivity", id="sensitivity", tooltip="What counts as speech, seen live"),
    Binding("a", "smoothing", "average", id="smoothing", tooltip="How slowly the smoothed readings follow"),
)
LOOKS: tuple[Binding, ...] = (
    Binding("t", "theme", "theme", id="theme", tooltip="The next theme: dark, light, high contrast, colour-blind"),
    Binding("escape", "dismiss_message", "dismiss message", id="dismiss", show=False, tooltip="Clear the message line"),
)
TOPICS: tuple[tuple[str, tuple[Binding, ...]], ...] = (
    ("a replay", playing.BINDINGS),
    ("the program", PROGRAM),
    ("what was heard", browsing.BINDINGS),
    ("listening", CONTROL),
    ("looks", LOOKS),
)
BINDINGS: tuple[Binding, ...] = tuple(binding for _, bindings in TOPICS for binding in bindings)
"""The keys of the main screen, the most important ones first: the footer shows as many as fit."""

FIXED = frozenset({"quit-now"})
"""Nobody can lock themselves in."""


@dataclass(frozen=True, slots=True)
class Key:
    """What can be done by a key: the action, the keys as people read them, its name, and what it does."""

    id: str
    action: str
    keys: str
    name: str
    text: str


SPELLED = {
    "↑↓": "up/down", "←→": "left/right", "⏎": "enter", "↑": "up", "↓": "down", "←": "left", "→": "right",
    "⌫": "backspace",
}  # fmt: skip
"""What is written for a key where only ASCII is."""


def spelled(text: str) -> str:
    """The signs of keys as words."""
    for sign, word in SPELLED.items():
        text = text.replace(sign, word)
    return text


def listed(bindings: Iterable[Binding], keymap: Mapping[str, str], *, signs: bool = True) -> list[Key]:
    """The keys as they are with a keymap, in order; `signs` allows arrows, which are words else."""
    shown = display if signs else lambda key: spelled(display(key))
    return [
        Key(
            id=binding.id or "",
            action=binding.action,
            keys=" ".join(shown(key) for key in keymap.get(binding.id or "", binding.key).split(",")),
            name=binding.description,
            text=binding.tooltip,
        )
        for binding in bindings
    ]


def display(key: str) -> str:
    """A key as people read it: ?, Ctrl+P, PgUp."""
    *modifiers, last = key.strip().split("+") if len(key.strip()) > 1 else [key]
    words = {"pageup": "PgUp", "pagedown": "PgDn", "escape": "Esc"}
    last = words.get(last) or format_key(last)
    return "+".join([*(word.capitalize() for word in modifiers), last.capitalize() if modifiers else last])


def checked(keymap: Mapping[str, str]) -> dict[str, str]:
    """A keymap of the settings, action to keys, made fit for Textual.

    Raises:
        UsageError: An unknown action or key, or a key that two actions would share.
    """
    screens = _screens()
    known = [binding.id for bindings in screens for binding in bindings if binding.id]
    fit: dict[str, str] = {}
    for action, keys in keymap.items():
        if action in FIXED:
            msg = f"dashboard.keymap: {action} stays where it is, so that there is always a way out"
            raise UsageError(msg)
        if action not in known:
            msg = f"dashboard.keymap: unknown action {action!r}"
            raise UsageError(msg, hint=_near(action, known))
        fit[action] = ",".join(_known_key(action, key.strip()) for key in _split(keys))
    for bindings in screens:
        _check_clashes(bindings, fit)
    return fit


def _screens() -> tuple[tuple[Binding, ...], ...]:
    """The keys that are there at the same time, screen by screen."""
    widgets = (playing.BINDINGS, DetailsScreen.BINDINGS, HealthScreen.BINDINGS, HeatMap.BINDINGS)
    usual = tuple(binding for binding in BINDINGS if binding not in playing.BINDINGS)
    return (usual, *(tuple(b for b in bindings if isinstance(b, Binding)) for bindings in widgets))


def _split(keys: str) -> list[str]:
    """Keys between commas; a comma alone is the key of that name."""
    return ["comma"] if keys.strip() == "," else keys.split(",")


def _known_key(action: str, key: str) -> str:
    """A key's name in full: question_mark for ?.

    Raises:
        UsageError: There is no such key.
    """
    _, _, last = key.rpartition("+") if len(key) > 1 else ("", "", key)
    names = {name.value for name in Keys}
    if len(last) == 1 or key in names or last in names:
        return next(iter(BindingsMap([(key, "x", "")])))[0]
    try:
        unicodedata.lookup(last.replace("_", " "))
    except KeyError:
        msg = f"dashboard.keymap: {action}: unknown key {key!r}"
        raise UsageError(msg, hint=_near(key, sorted(names))) from None
    return key


def _near(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def _check_clashes(bindings: Iterable[Binding], keymap: Mapping[str, str]) -> None:
    owner: dict[str, str] = {}
    for binding in bindings:
        name = binding.id or ""
        for key in keymap.get(name, binding.key).split(","):
            other = owner.setdefault(key, name)
            if other != name:
                msg = f"dashboard.keymap: {display(key)} would be both {other} and {name}"
                raise UsageError(msg, hint=f"give {name if other in keymap else other} another key as well")
