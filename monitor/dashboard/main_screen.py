"""The screen below all others: it shows what is known, and goes through what was heard."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import Resize
from textual.screen import Screen

from monitor.dashboard import keys
from monitor.dashboard.backend import Backend
from monitor.dashboard.layout import Layout, fit
from monitor.dashboard.look import Look
from monitor.dashboard.paint import health_lines, wording
from monitor.dashboard.paint.header import header
from monitor.dashboard.paint.health import Checkup
from monitor.dashboard.state.view import View, key, span
from monitor.dashboard.state.view_model import DashboardState
from monitor.dashboard.widgets.details import DetailsScreen
from monitor.dashboard.widgets.footer import Keys
from monitor.dashboard.widgets.history import History, HistoryRows, Table
from monitor.dashboard.widgets.message import MessageLine
from monitor.dashboard.widgets.painted import Painted
from monitor.dashboard.widgets.playback import PlaybackBar
from monitor.dashboard.widgets.streams import Streams
from monitor.dashboard.widgets.timeline import Scene, Timeline

if TYPE_CHECKING:
    from textual.geometry import Size

SETTLE_S = 0.1
"""Until so long after a change of size nothing is shown of what is in between."""
SCROLL_SHARE = 8
"""The arrow keys scroll the timeline by one part in so many of what is on screen."""


class MainScreen(Screen[object]):
    """Header, streams, timeline, table, health, message line and keys.

    Args:
        look: ASCII mode and density.
        backend: What stands behind it.
        repaint: Shows what is known by now: calls `show`, sooner or later.

    Attributes:
        view: What is looked at of the past.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*keys.MAIN]

    def __init__(self, look: Look, backend: Backend, repaint: Callable[[], None]) -> None:
        super().__init__(id="_default")
        self.view = View()
        self._look = look
        self._backend = backend
        self._repaint = repaint
        self._state = DashboardState()
        self._details: DetailsScreen | None = None
        self._fitted: Size | None = None

    def compose(self) -> ComposeResult:
        """From the first line to the last."""
        yield Painted(id="header")
        yield PlaybackBar()
        yield Streams()
        yield Timeline()
        yield History()
        yield Painted(id="health")
        yield MessageLine()
        yield Keys()

    def show(self, known: Checkup) -> None:
        """Shows how everything is now."""
        self._state = state = known.state
        playback, height = self._backend.playback, self.app.size.height
        height -= self.query_one(PlaybackBar).show_facts(playback.facts if playback else None, height)
        layout = fit(height, len(state.present), compact=self._look.compact)
        self._arrange(layout)
        numbers = {s.stream: f"{i}" if len(state.streams) > 1 else "" for i, s in enumerate(state.streams, start=1)}
        self.query_one(Streams).show(state, layout.density, known.now_s, numbers)
        self.query_one("#header", Painted).show(header, state, self.app.title)
        self.query_one("#health", Painted).show(health_lines.health, state, known.found)
        self.query_one(MessageLine).tell(state.current_notice(known.now_s), self._remark, known.found)
        self._show_past(layout, numbers)

    def _arrange(self, layout: Layout) -> None:
        streams = self.query_one(Streams)
        streams.set_class(not layout.history, "-alone")
        self.query_one("#health").display = layout.health
        self.query_one("#header").display = self.query_one(MessageLine).display = not layout.bare
        instead = self._backend.welcome() if self._backend.welcome else wording.expectation(self._state, None)
        streams.welcome(*instead, shown=not self._state.streams)

    def _show_past(self, layout: Layout, numbers: dict[str, str]) -> None:
        state, view = self._state, self.view
        timeline, history = self.query_one(Timeline), self.query_one(History)
        timeline.display = layout.timeline > 0
        if timeline.styles.height is None or timeline.styles.height.value != layout.timeline:
            timeline.styles.height = layout.timeline
        history.display = layout.history
        history.set_class(not layout.framed, "-flat")
        stream, chosen = view.shown(state), view.chosen_row(state)
        if stream:
            stretch = span(chosen) if chosen and chosen.stream == stream.stream else None
            scene = Scene(stream.past, view, stretch, numbers.get(stream.stream, ""), self._backend.now)
            timeline.show(scene, framed=layout.framed, plain=self._plain)
        shown = tuple(numbers.items()) if len(numbers) > 1 else ()
        history.show(Table(state.history, shown, view.row(state)))
        if self._details:
            self._details.show(state, chosen, plain=self._plain)

    def _remark(self) -> str:
        return self._backend.playback.remark if self._backend.playback else self._backend.remark()

    @property
    def _plain(self) -> bool:
        """Whether bands are letters, for terminals without colour or blocks."""
        return bool(self.app.no_color or self._look.ascii)

    def on_resize(self, event: Resize) -> None:
        """Chooses what fits before what is on it is laid out anew, and once more when it is."""
        before, self._fitted = self._fitted, event.size
        if before in {None, event.size}:
            self.call_after_refresh(self._repaint)
            return
        self.app.delay_update(SETTLE_S)
        self._repaint()
        self.set_timer(SETTLE_S / 2, self._repaint)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Whether an action means something here: footer and palette leave the others out."""
        return self._backend.can(action)

    # What was heard

    def go_to(self, place: int) -> None:
        """Chooses a row, 0 is the newest, and shows it in table and timeline."""
        view = self.view.choosing(self._state, place, follow=not self._details)
        self._show_view(view.revealing(self._state, self.query_one(Timeline).count))
        self.query_one(HistoryRows).reveal()

    def action_choose(self, where: str) -> None:
        """Chooses another row: up, down, page_up, page_down, home (newest) or end (oldest)."""
        page = max(self.query_one(HistoryRows).page - 1, 1)
        place = self.view.place(self._state, where, page)
        if where == "home":
            self.view = replace(self.view, chosen=None, end_s=None)
        self.go_to(place)

    def action_details(self) -> None:
        """Shows all about the chosen utterance, which stays chosen for as long."""
        row = self.view.chosen_row(self._state)
        if not row:
            return
        self.view = self.view.choosing(self._state, self.view.row(self._state), follow=False)
        self._details = DetailsScreen(self.action_choose, plays=self._backend.playback is not None)
        self._details.show(self._state, row, plain=self._plain)
        self.app.push_screen(self._details, callback=self._follow_again)

    def _follow_again(self, play: bool | None) -> None:  # noqa: FBT001 - Textual's
        self._details = None
        if play:
            self.action_playback_jump()
        elif self.view.row(self._state) == 0:
            self.go_to(0)

    def action_look(self, steps: int) -> None:
        """Scrolls the timeline by so many steps towards the present."""
        self._roll(steps * max(self.query_one(Timeline).count // SCROLL_SHARE, 1))

    def action_zoom(self, steps: int) -> None:
        """Zooms the timeline in, or out where negative."""
        self._show_view(self.view.zooming(steps))

    def action_smoothed(self) -> None:
        """Switches the timeline between each utterance's own distribution and the moving average."""
        self._show_view(replace(self.view, smoothed=not self.view.smoothed))

    def action_clock(self) -> None:
        """Switches the timeline's axis between seconds of the stream and the time of day."""
        self._show_view(replace(self.view, wall=not self.view.wall))

    def action_next_stream(self) -> None:
        """Shows the next stream in the timeline."""
        self._show_view(self.view.turning(self._state))

    @on(Timeline.Rolled)
    def _on_rolled(self, message: Timeline.Rolled) -> None:
        self._roll(message.columns)

    @on(Timeline.Touched)
    def _on_touched(self, message: Timeline.Touched) -> None:
        place = self.view.place_at(self._state, message.second_s, message.reach_s)
        if place is not None:
            self.go_to(place)

    @on(HistoryRows.Chosen)
    def _on_chosen(self, message: HistoryRows.Chosen) -> None:
        self.go_to(message.place)
        if message.details:
            self.action_details()

    def _roll(self, columns: int) -> None:
        stream = self.view.shown(self._state)
        if stream:
            self._show_view(self.view.scrolling(columns, stream.past.now_s, self.query_one(Timeline).count))

    def _show_view(self, view: View) -> None:
        self.view = view
        self._repaint()

    # A replay

    def action_playback_pause(self) -> None:
        """Holds the replay, or goes on."""
        if self._backend.playback:
            self.say(self._backend.playback.toggle())

    def action_playback_skip(self, seconds: float) -> None:
        """Goes back or on."""
        if self._backend.playback:
            self.say(self._backend.playback.skip(seconds))

    def action_playback_speed(self, steps: int) -> None:
        """Plays faster or slower."""
        if self._backend.playback:
            self.say(self._backend.playback.change_speed(steps))

    def action_playback_jump(self) -> None:
        """Plays from where the chosen utterance begins; what is heard then is followed."""
        row = self.view.chosen_row(self._state)
        if self._backend.playback and row:
            self.view = replace(self.view, chosen=None, end_s=None, stream=row.stream)
            self.say(self._backend.playback.jump(key(row)))

    def action_playback_go(self, where: str) -> None:
        """Goes to the start or the end."""
        if self._backend.playback:
            self.say(self._backend.playback.go_to(end=where == "end"))

    # The message line

    def say(self, text: str) -> None:
        """Shows a line of text for a while of real time; empty: what was said before has become untrue."""
        self.query_one(MessageLine).say(text)
        self._repaint()

    def dismiss_said(self) -> None:
        """Clears what was said and remarked here."""
        if self._backend.playback:
            self._backend.playback.dismiss()
        self.say("")
