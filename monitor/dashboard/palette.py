"""The command palette: everything that has a key, found by its name, and the themes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from monitor.dashboard import keymap, keys
from monitor.dashboard.backend import Backend
from monitor.dashboard.look import Look
from monitor.dashboard.paint import themes

if TYPE_CHECKING:
    from textual.types import IgnoreReturnCallbackType

CLOSED_S = 0.1
"""After so long the palette itself is not in the picture."""


class Program(Protocol):
    """What the palette has to know of the program; DashboardApp is it."""

    look: Look
    backend: Backend

    def use_theme(self, name: str) -> None:
        """Changes the theme."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette: a name, what it does, and the keys that do the same."""

    name: str
    text: str
    keys: str
    run: Callable[[], object]


class Actions(Provider):
    """Every key of the main screen as a command, and every theme."""

    def entries(self) -> Iterator[Entry]:
        """All of them, in the order of the keys."""
        app, program = self.app, cast("Program", self.app)
        run: Callable[[], object]
        for key in keymap.listed(keys.BINDINGS, program.look.keymap, signs=not program.look.ascii):
            if key.id not in keys.FIXED and program.backend.can(key.action):
                run = partial(app.run_action, key.action, self.screen)
                if key.id == "picture":
                    run = partial(app.set_timer, CLOSED_S, run)
                yield Entry(key.name, key.text, key.keys, run)
        for name in themes.NAMES:
            yield Entry(f"theme {themes.LABELS[name]}", "", "", partial(program.use_theme, name))

    async def discover(self) -> Hits:
        """What is listed before anything is typed: everything."""
        for entry in self.entries():
            text = _text(entry)
            yield DiscoveryHit(_line(Content(text), entry), cast("IgnoreReturnCallbackType", entry.run), text=text)

    async def search(self, query: str) -> Hits:
        """What fits the letters typed, in its name or in what it does."""
        matcher = self.matcher(query)
        for entry in self.entries():
            text = _text(entry)
            score = matcher.match(text)
            if score > 0:
                run = cast("IgnoreReturnCallbackType", entry.run)
                yield Hit(score, _line(matcher.highlight(text), entry), run, text=text)


def _text(entry: Entry) -> str:
    return f"{entry.name}: {entry.text}" if entry.text else entry.name


def _line(text: Content, entry: Entry) -> Content:
    return Content.assemble(text, (f"  {entry.keys}", "$text-muted") if entry.keys else "")
