"""The last line: the most important keys, as many as fit whole."""

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


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

    def _fitting(self, keys: ComposeResult) -> Iterator[Widget]:
        left = self.content_size.width
        for key in keys:
            if isinstance(key, FooterKey):
                left -= len(f"{key.key_display} {key.description} ")
                if left < -1 and self.content_size:
                    return
            yield key
