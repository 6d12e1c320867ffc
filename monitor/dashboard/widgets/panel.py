"""The widgets above the history: one painted line or block each, repainted only when what they show differs."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from monitor.dashboard.paint import reading, wording
from monitor.dashboard.paint.meter import meter
from monitor.dashboard.paint.reading import Density, Now
from monitor.dashboard.paint.text import line, printable
from monitor.dashboard.state.view_model import DashboardState, Stream
from monitor.dashboard.widgets.painted import Painted

LEGENDS = {Density.ROOMY: "█ this utterance   ━ smoothed", Density.PLAIN: "█ this utterance   │ smoothed"}


class StreamPanel(Vertical):
    """One source: level meter and current reading."""

    def __init__(self, stream: str) -> None:
        super().__init__(classes="stream")
        self.stream = stream
        self._level = Painted(classes="level")
        self._reading = Painted(classes="reading")
        self._framed: tuple[str, str, Density] | None = None

    def compose(self) -> ComposeResult:
        """The meter above the reading, so that a level repaints one line only."""
        yield self._level
        yield self._reading

    def show(self, state: DashboardState, stream: Stream, density: Density, now_s: float, number: str) -> None:
        """Shows the stream as it is now, under its number where there are several."""
        title = f"{number} {stream.label}".strip()
        word = "paused" if state.is_paused(stream) else "away" if state.is_awaited(stream) else stream.state
        self._frame(title, word, density)
        instead = wording.standing(state, stream, now_s)
        if instead is None and stream.level:
            self._level.show(meter, stream.level)
        else:
            worrying = stream.state == "failed" or stream.sound_stopped(now_s)
            self._level.show(line, instead, "$error" if worrying else "$quiet")
        now = Now(
            headline=wording.headline(state, stream),
            when=tuple(wording.when(stream)),
            certainty=tuple(wording.certainty(state, stream)),
            heard=stream.heard,
            faint=wording.is_past(stream),
        )
        self._reading.show(reading.reading, now, density)

    def _frame(self, title: str, word: str, density: Density) -> None:
        if self._framed == (title, word, density):
            return  # setting a border's title paints the whole panel again
        self._framed = (title, word, density)
        self.border_title = printable(Content.assemble((title, "$foreground"), (f" · {word}", "$quiet")))
        self.border_subtitle = LEGENDS.get(density, "")
        for other in Density:
            self.set_class(other is density, f"-{other.name.lower()}")
