"""The command palette: everything that has a key, found by its name, and the themes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from monitor.dashboard import keys
from monitor.dashboard.paint import themes

if TYPE_CHECKING:
    from textual.types import IgnoreReturnCallbackType

    from monitor.dashboard.app import DashboardApp

CLOSED_S = 0.1
"""After so long the palette itself is not in the picture."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the palette: a name, what it does, and the keys that do the same."""

    name: str
    text: str
    keys: str
    run: Callable[[], object]


class Actions(Provider):
    """Every key of the main screen as a command, every theme, and a picture of the screen."""

    def entries(self) -> Iterator[Entry]:
        """All of them, in the order of the keys."""
        app = cast("DashboardApp", self.app)
        for key in keys.listed(keys.BINDINGS, app.look.keymap, signs=not app.look.ascii):
            if key.id not in keys.FIXED and app.backend.can(key.action.partition("(")[0]):
                yield Entry(key.name, key.text, key.keys, partial(app.run_action, key.action))
        for name in themes.NAMES:
            yield Entry(f"theme {themes.LABELS[name]}", "", "", partial(app.use_theme, name))
        take = partial(app.set_timer, CLOSED_S, app.deliver_screenshot)
        yield Entry("picture", "Save the screen as an SVG picture", "", take)

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
