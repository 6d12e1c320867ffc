"""Going through what was heard: the timeline and the table, and the keys that move in them."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on
from textual.app import App, ComposeResult

from core.wire.commands import Command, SetReading
from monitor.dashboard.layout import Layout
from monitor.dashboard.look import Look
from monitor.dashboard.state.columns import Span
from monitor.dashboard.state.rows import ReadingRow, Row
from monitor.dashboard.state.view import View
from monitor.dashboard.state.view_model import DashboardState, Session
from monitor.dashboard.widgets.details import DetailsScreen
from monitor.dashboard.widgets.history import History, HistoryRows, Table
from monitor.dashboard.widgets.timeline import Scene, Timeline

if TYPE_CHECKING:
    from textual.screen import Screen

SCROLL_SHARE = 8
"""The arrow keys scroll the timeline by one part in so many of what is on screen."""


class Browsing(App[None]):
    """The part of the dashboard that shows the past. `state` is what is known, `view` what is looked at."""

    look: Look
    """Theme, ASCII mode, density and keymap."""

    def __init__(self, *, on_command: Callable[[Command], None], session: Session) -> None:
        super().__init__()
        self.state = DashboardState(session=session)
        self.view = View()
        self._on_command = on_command

    def compose_past(self) -> ComposeResult:
        """Timeline and table."""
        yield Timeline()
        yield History()

    def show_past(self, layout: Layout, numbers: dict[str, str]) -> None:
        """Paints timeline and table, and the details where they are open."""
        main, state, view = self._main, self.state, self.view
        timeline, history = main.query_one(Timeline), main.query_one(History)
        timeline.display = layout.timeline > 0
        if timeline.styles.height is None or timeline.styles.height.value != layout.timeline:
            timeline.styles.height = layout.timeline
        history.display = layout.history
        history.set_class(not layout.framed, "-flat")
        stream = view.shown(state)
        if stream:
            chosen = self._chosen
            span = _span(chosen) if chosen and chosen.stream == stream.stream else None
            scene = Scene(stream.past, view, span, numbers.get(stream.stream, ""), self.now)
            timeline.show(scene, framed=layout.framed, plain=self.plain)
        shown = tuple(numbers.items()) if len(numbers) > 1 else ()
        history.show(Table(state.history, shown, view.row(state)))
        for screen in self._details:
            screen.show(state, self._chosen, plain=self.plain)

    now = "live"
    """What the right end of the timeline is called."""

    @abstractmethod
    def ask(self, command: Command) -> None:
        """Gives a command, and says so."""

    @property
    def plain(self) -> bool:
        """Whether bands are letters, for terminals without colour or blocks."""
        return bool(self.no_color or self.look.ascii)

    @abstractmethod
    def _repaint(self) -> None:
        """Shows the state as it is now."""

    @property
    def _main(self) -> "Screen[object]":
        return self.screen_stack[0]

    @property
    def _details(self) -> list[DetailsScreen]:
        return [screen for screen in self.screen_stack[1:] if isinstance(screen, DetailsScreen)]

    @property
    def _chosen(self) -> Row | None:
        history = self.state.history
        return history[-1 - self.view.row(self.state)] if history else None

    def choose(self, place: int) -> None:
        """Chooses a row, 0 is the newest, and shows it in table and timeline."""
        self.view = self.view.choosing(self.state, place, follow=not self._details)
        stream, row = self.view.shown(self.state), self._chosen
        if stream and row and self.view.chosen:
            shown = self._main.query_one(Timeline).count
            self.view = self.view.including(*_span(row), stream.past.now_s, shown)
        self._repaint()
        self._main.query_one(HistoryRows).reveal()

    def action_choose(self, where: str) -> None:
        """Chooses another row: up, down, page_up, page_down, home (newest) or end (oldest)."""
        here, page = self.view.row(self.state), max(self._main.query_one(HistoryRows).page - 1, 1)
        last = len(self.state.history) - 1
        places = {
            "up": here - 1,
            "down": here + 1,
            "page_up": here - page,
            "page_down": here + page,
            "home": 0,
            "end": last,
        }
        if where == "home":
            self.view = replace(self.view, chosen=None, end_s=None)
        self.choose(places[where])

    def action_details(self) -> None:
        """Shows all about the chosen utterance, which stays chosen for as long."""
        if not self._chosen:
            return
        self.view = self.view.choosing(self.state, self.view.row(self.state), follow=False)
        screen = DetailsScreen()
        screen.show(self.state, self._chosen, plain=self.plain)
        self.push_screen(screen, callback=self._follow_again)

    def _follow_again(self, _result: None) -> None:
        if self.view.row(self.state) == 0:
            self.choose(0)

    def action_look(self, steps: int) -> None:
        """Scrolls the timeline by so many steps towards the present."""
        count = self._main.query_one(Timeline).count
        self._roll(steps * max(count // SCROLL_SHARE, 1))

    def action_zoom(self, steps: int) -> None:
        """Zooms the timeline in, or out where negative."""
        self.view = self.view.zooming(steps)
        self._repaint()

    def action_smoothed(self) -> None:
        """Switches the timeline between each utterance's own distribution and the moving average."""
        self.view = replace(self.view, smoothed=not self.view.smoothed)
        self._repaint()

    def action_clock(self) -> None:
        """Switches the timeline's axis between seconds of the stream and the time of day."""
        self.view = replace(self.view, wall=not self.view.wall)
        self._repaint()

    def action_next_stream(self) -> None:
        """Shows the next stream in the timeline."""
        names = [stream.stream for stream in self.state.streams]
        shown = self.view.shown(self.state)
        if shown:
            following = names[(names.index(shown.stream) + 1) % len(names)]
            self.view = replace(self.view, stream=following)
            self._repaint()

    @on(Timeline.Rolled)
    def _on_rolled(self, message: Timeline.Rolled) -> None:
        self._roll(message.columns)

    @on(Timeline.Touched)
    def _on_touched(self, message: Timeline.Touched) -> None:
        stream = self.view.shown(self.state)
        reading = stream.past.at(message.second_s, message.reach_s) if stream else None
        if stream and reading:
            for place, row in enumerate(reversed(self.state.history)):
                if isinstance(row, ReadingRow) and (row.stream, row.heard.utterance) == (
                    stream.stream,
                    reading.utterance,
                ):
                    self.choose(place)
                    return

    @on(DetailsScreen.Explain)
    def _on_explain(self) -> None:
        tuning = self.state.health.tuning if self.state.health else None
        self.ask(SetReading(explain=not (tuning and tuning.explain)))

    @on(HistoryRows.Chosen)
    def _on_chosen(self, message: HistoryRows.Chosen) -> None:
        self.choose(message.place)
        if message.details:
            self.action_details()

    def _roll(self, columns: int) -> None:
        stream = self.view.shown(self.state)
        if stream:
            count = self._main.query_one(Timeline).count
            self.view = self.view.scrolling(columns, stream.past.now_s, count)
            self._repaint()


def _span(row: Row) -> Span:
    if isinstance(row, ReadingRow):
        return row.heard.start_s or 0.0, row.heard.end_s or 0.0
    return row.start_s, row.start_s + row.length_s
