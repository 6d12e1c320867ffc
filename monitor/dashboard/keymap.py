"""Keys as people read them, and the keymap by which users move them."""

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingsMap
from textual.keys import Keys, format_key

from core.errors import UsageError
from monitor.dashboard.keys import FIXED, MOVABLE


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
    known = [binding.id for bindings in MOVABLE for binding in bindings if binding.id]
    fit: dict[str, str] = {}
    for action, keys in keymap.items():
        if action in FIXED:
            msg = f"dashboard.keymap: {action} stays where it is, so that there is always a way out"
            raise UsageError(msg)
        if action not in known:
            msg = f"dashboard.keymap: unknown action {action!r}"
            raise UsageError(msg, hint=_near(action, known))
        fit[action] = ",".join(_known_key(action, key.strip()) for key in _split(keys))
    for bindings in MOVABLE:
        _check_clashes(bindings, fit)
    return fit


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
