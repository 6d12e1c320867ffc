"""The widgets above the history: one painted line or block each, repainted only when what they show differs."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget

from monitor.dashboard.paint import reading, wording
from monitor.dashboard.paint.reading import Density, Now
from monitor.dashboard.state.view_model import DashboardState, Stream

ROUGH = "uncalibrated: percentages are rough"
LEGENDS = {Density.ROOMY: "█ this utterance   ━ smoothed", Density.PLAIN: "█ this utterance   │ smoothed"}


class Painted(Widget, can_focus=False):
    """A block of text painted by a function of facts and a width; touches the screen only when the text differs."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._painter: Callable[..., Content] = reading.line
        self._facts: tuple[object, ...] = ("", "")
        self._shown = Content.empty()

    def show(self, painter: Callable[..., Content], *facts: object) -> None:
        """Shows `painter(*facts, width)`."""
        if (painter, facts) == (self._painter, self._facts):
            return
        self._painter, self._facts = painter, facts
        if not self._paint().is_same(self._shown):
            self.refresh()

    def render(self) -> Content:
        """What is on screen."""
        self._shown = self._paint()
        return self._shown

    def _paint(self) -> Content:
        return reading.printable(self._painter(*self._facts, self.size.width))


class StreamPanel(Vertical):
    """One source: level meter and current reading."""

    def __init__(self, stream: str) -> None:
        super().__init__(classes="stream")
        self.stream = stream
        self._level = Painted(classes="level")
        self._reading = Painted(classes="reading")
        self._framed: tuple[str, str, Density, str] | None = None

    def compose(self) -> ComposeResult:
        """The meter above the reading, so that a level repaints one line only."""
        yield self._level
        yield self._reading

    def show(self, state: DashboardState, stream: Stream, density: Density, now_s: float, number: str) -> None:
        """Shows the stream as it is now, under its number where there are several."""
        title = f"{number} {stream.source}".strip()
        word = "paused" if state.is_paused(stream) else stream.state
        rough = state.stamp is not None and state.stamp.calibration is None
        self._frame(title, word, density, ROUGH if rough else "")
        instead = wording.standing(state, stream, now_s)
        if instead is None and stream.level:
            self._level.show(reading.meter, stream.level)
        else:
            worrying = stream.state == "failed" or stream.sound_stopped(now_s)
            self._level.show(reading.line, instead, "$error" if worrying else "$quiet")
        now = Now(
            headline=wording.headline(state, stream),
            when=tuple(wording.when(stream)),
            certainty=tuple(wording.certainty(state, stream)),
            heard=stream.heard,
            faint=wording.is_past(stream),
        )
        self._reading.show(reading.reading, now, density)

    def _frame(self, title: str, word: str, density: Density, remark: str) -> None:
        if self._framed == (title, word, density, remark):
            return  # setting a border's title paints the whole panel again
        self._framed = (title, word, density, remark)
        self.border_title = reading.printable(Content.assemble((title, "$foreground"), (f" · {word}", "$quiet")))
        legend = LEGENDS.get(density, "")
        self.border_subtitle = f"{remark}   {legend}" if legend and remark else legend
        for other in Density:
            self.set_class(other is density, f"-{other.name.lower()}")
