"""The panels of all streams, or what stands in their place while there are none."""

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from monitor.dashboard.paint.reading import Density
from monitor.dashboard.paint.text import line
from monitor.dashboard.state.view_model import DashboardState
from monitor.dashboard.widgets.painted import Painted
from monitor.dashboard.widgets.panel import StreamPanel


class Streams(VerticalScroll, can_focus=False):
    """A panel for each stream, in the order of the streams; they scroll where they do not fit."""

    def __init__(self) -> None:
        super().__init__(id="streams")

    def compose(self) -> ComposeResult:
        """No stream yet."""
        yield Painted(id="welcome")

    def show(self, state: DashboardState, density: Density, now_s: float, numbers: dict[str, str]) -> None:
        """Shows the streams as they are now, each under its number."""
        panels = self._panels([stream.stream for stream in state.present])
        for stream in state.present:
            panels[stream.stream].show(state, stream, density, now_s, numbers[stream.stream])

    def welcome(self, headline: str, detail: str, *, shown: bool) -> None:
        """What stands in the place of streams, where it is `shown`."""
        welcome = self.query_one("#welcome", Painted)
        welcome.display = shown
        welcome.show(line, f"{headline}\n{detail}", "")

    def _panels(self, wanted: list[str]) -> dict[str, StreamPanel]:
        """A panel for every stream; new ones are being mounted."""
        panels = {panel.stream: panel for panel in self.query(StreamPanel)}
        for name in panels.keys() - set(wanted):
            panels.pop(name).remove()
        new = {name: StreamPanel(name) for name in wanted if name not in panels}
        if new:
            self.mount(*new.values())
        return panels | new
