"""The bar that says that this is a replay, and where it is."""

from monitor.dashboard.paint.playback import playback
from monitor.dashboard.state.playback import PlaybackFacts
from monitor.dashboard.widgets.painted import Painted

TWO_ROWS = 20
"""From so many lines of the screen on, the bar has a line of its own."""


class PlaybackBar(Painted):
    """In a replay one line or two, else none."""

    def __init__(self) -> None:
        super().__init__(id="playback")

    def show_facts(self, facts: PlaybackFacts | None, height: int) -> int:
        """Shows where the replay is, on a screen of so many lines; gives the lines that takes."""
        rows = 0 if facts is None else 2 if height >= TWO_ROWS else 1
        self.display = rows > 0
        if facts:
            if self.styles.height is None or self.styles.height.value != rows:
                self.styles.height = rows
            self.show(playback, facts, rows)
        return rows
