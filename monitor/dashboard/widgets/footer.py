"""The last line: the most important keys, as many as fit whole."""

from collections.abc import Iterable, Iterator

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from monitor.dashboard.keys import BINDINGS

PLACES = {binding.action: place for place, binding in enumerate(BINDINGS)}
"""Moved keys keep their places."""


class Keys(Footer):
    """A footer without half words at its end."""

    def __init__(self) -> None:
        super().__init__(compact=True, show_command_palette=False)

    def compose(self) -> ComposeResult:
        """The first keys."""
        shown = list(self._fitting(super().compose()))
        self.styles.grid_size_columns = max(len(shown), 1)
        yield from shown

    def on_resize(self) -> None:
        """Another width, other keys."""
        self.call_after_refresh(self.recompose)

    def _fitting(self, keys: Iterable[Widget]) -> Iterator[FooterKey]:
        left = self.content_size.width + 1  # the blank after the last one may be cut
        for key in sorted((key for key in keys if isinstance(key, FooterKey)), key=_place):
            left -= len(f"{key.key_display} {key.description} ")
            if left < 0 and self.content_size:
                return
            yield key


def _place(key: FooterKey) -> int:
    return PLACES.get(key.action, len(PLACES))
