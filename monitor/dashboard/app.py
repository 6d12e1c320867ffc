"""The terminal dashboard: shows wire events, gives commands back."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.filter import LineFilter
from textual.message import Message

from core.wire.commands import Command, Quit
from core.wire.events import Event, LevelEvent
from monitor.dashboard import keymap, keys
from monitor.dashboard.backend import Backend
from monitor.dashboard.exporting import Exporting
from monitor.dashboard.help import HelpScreen
from monitor.dashboard.layout import Layout, fit
from monitor.dashboard.look import Look
from monitor.dashboard.paint import health_lines, themes, wording
from monitor.dashboard.paint.ascii import AsciiFilter
from monitor.dashboard.paint.header import header
from monitor.dashboard.paint.health import Checkup
from monitor.dashboard.paint.text import NARROW, line
from monitor.dashboard.paint.troubles import recorded, troubles
from monitor.dashboard.palette import Actions
from monitor.dashboard.state.view_model import DashboardState, Session
from monitor.dashboard.widgets.footer import Keys
from monitor.dashboard.widgets.health_screen import HealthScreen
from monitor.dashboard.widgets.main_screen import MainScreen
from monitor.dashboard.widgets.painted import Painted
from monitor.dashboard.widgets.panel import StreamPanel
from monitor.sources.portaudio import Microphone, list_microphones

if TYPE_CHECKING:
    from textual.timer import Timer

REPAINT_S = 1 / 12
"""At most twelve repaints a second: smooth for a level meter, quiet for the processor."""
QUIET_FACTOR = 4
"""How much rarer the repaints are while nobody speaks."""
TICK_S = 1.0
"""How often what depends on time alone (a notice fading, sound that stopped) is looked at."""


class DashboardApp(Exporting):
    """Shows every event given to `post_event` and calls `on_command` for every wish of the user.

    The app and the pipeline share one event loop, as two tasks:

        async with asyncio.TaskGroup() as tasks:
            pipeline = tasks.create_task(run_pipeline(sinks=[DashboardSink(app), ...]))
            await app.run_async()
            pipeline.cancel()

    `run_async` returns when the user quits (after `on_command(Quit())`) or when someone calls `exit()`; it does
    not end by itself when a source ends, so that the last readings can be read. A pause shows at once; the next health
    event, which should follow a command promptly, says what really is.

    Args:
        on_command: Called on the event loop; must return quickly.
        title: First words of the header.
        session: What is known before the first event.
        clock: Steady seconds that notices fade by; tests pass their own.
        repaint_s: Shortest time between two repaints; events in between are shown together.
        look: Theme, ASCII mode, density and keymap.
        find_microphones: Lists what can be listened to; called in a thread.
        backend: What stands behind it; by default the program itself, which can do everything.

    Attributes:
        there: Set once screens can be shown.
    """

    CSS_PATH = ["dashboard.tcss", "dialogs/dialogs.tcss"]  # noqa: RUF012 - declared by Textual
    COMMANDS = {Actions}  # noqa: RUF012
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]  # noqa: RUF012 - declared by Textual
    BINDINGS: ClassVar[list[BindingType]] = [*keys.BINDINGS]

    class News(Message):
        """Something changed since the last repaint."""

    def __init__(
        self,
        *,
        on_command: Callable[[Command], None],
        title: str = "emotion-monitor",
        session: Session | None = None,
        clock: Callable[[], float] = time.monotonic,
        repaint_s: float = REPAINT_S,
        look: Look | None = None,
        find_microphones: Callable[[], Sequence[Microphone]] = list_microphones,
        backend: Backend | None = None,
    ) -> None:
        super().__init__(on_command=on_command, session=session or Session(), backend=backend or Backend())
        self.title = title
        self._clock = clock
        self._repaint_s = repaint_s
        self._painted_s, self._repaint_at_s = -math.inf, math.inf
        self._timer: Timer | None = None
        self.look = look or Look()
        self.find_microphones = find_microphones
        self.there = asyncio.Event()
        self._last_steps = [AsciiFilter()] if self.look.ascii else []
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = f"emotion-{self.look.theme}"
        self.set_keymap(self.look.keymap)

    def post_event(self, event: Event) -> None:
        """Takes one event, before, while or after the app runs; call it on the app's event loop."""
        self.state = self.state.push(event, now_s=self._clock())
        if self.backend.session is None:  # else what is exported lies in a file
            self.spool.push(event)
        calm = isinstance(event, LevelEvent) and not event.speaking
        self._changed(self._repaint_s * QUIET_FACTOR if calm else self._repaint_s)

    def show_state(self, state: DashboardState) -> None:
        """Shows another state at once, as after a jump in a replay."""
        self.state = state
        self._repaint()

    def moved(self) -> None:
        """Shows soon what changed beside the state, such as how far a replay is."""
        self._changed(self._repaint_s * QUIET_FACTOR)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our colour names for themes that do not define them."""
        return themes.DARK_COLOURS if self.current_theme.dark else themes.LIGHT_COLOURS

    def compose(self) -> ComposeResult:
        """Header, streams, history, health, message line, keys."""
        yield Painted(id="header")
        yield Painted(id="playback")
        with VerticalScroll(id="streams", can_focus=False):
            yield Painted(id="welcome")
        yield from self.compose_past()
        yield Painted(id="health")
        yield Painted(id="message")
        yield Keys()

    def on_mount(self) -> None:
        """Shows what arrived before the screen was there."""
        self.there.set()
        self.set_interval(TICK_S, self._repaint)
        self.call_after_refresh(self._repaint)

    def get_default_screen(self) -> MainScreen:
        """The screen below all others."""
        return MainScreen(self._repaint)

    @on(News)
    def _schedule_repaint(self) -> None:
        wait_s = self._repaint_at_s - time.monotonic()
        if self._timer:
            self._timer.stop()
        if wait_s <= 0:
            self._repaint()
        elif wait_s < math.inf:
            self._timer = self.set_timer(wait_s, self._repaint)

    def _changed(self, within_s: float) -> None:
        """Repaints when `within_s` have passed since the last time, or as planned if that is sooner."""
        at_s = self._painted_s + within_s
        if self.is_running and at_s < self._repaint_at_s:
            self._repaint_at_s = at_s
            self.post_message(self.News())

    def _repaint(self) -> None:
        self._painted_s, self._repaint_at_s = time.monotonic(), math.inf
        if not (self.is_running and self.screen_stack and self.screen_stack[0].is_mounted):
            return
        main = self.screen_stack[0]
        state, now_s = self.state, self._clock()
        height = self.size.height - self.show_playback()
        layout = fit(height, len(state.present), compact=self.look.compact)
        self._arrange(layout)
        numbers = {s.stream: f"{i}" if len(state.streams) > 1 else "" for i, s in enumerate(state.streams, start=1)}
        panels = self._panels()
        for stream in state.present:
            panels[stream.stream].show(state, stream, layout.density, now_s, numbers[stream.stream])
        main.query_one("#header", Painted).show(header, state, self.title)
        known = self._checkup(now_s)
        main.query_one("#health", Painted).show(health_lines.health, state, known.found)
        message, notice = main.query_one("#message", Painted), state.current_notice(now_s)
        if not self.show_remark(message, notice=notice):
            message.show(health_lines.message, notice, known.found)
        self.show_past(layout, numbers)
        self.show_dialogs()
        for screen in self.screen_stack[1:]:
            if isinstance(screen, HealthScreen):
                screen.show(known)

    def _arrange(self, layout: Layout) -> None:
        main = self.screen_stack[0]
        main.query_one("#streams").set_class(not layout.history, "-alone")
        main.query_one("#health").display = layout.health
        main.query_one("#header").display = main.query_one("#message").display = not layout.bare
        welcome = main.query_one("#welcome", Painted)
        welcome.display = not self.state.streams
        expected = self.backend.welcome() if self.backend.welcome else wording.expectation(self.state, None)
        headline, detail = expected
        welcome.show(line, f"{headline}\n{detail}", "")

    def _panels(self) -> dict[str, StreamPanel]:
        """A panel for every stream, in the order of the streams; new ones are being mounted."""
        main = self.screen_stack[0]
        wanted = [stream.stream for stream in self.state.present]
        panels = {panel.stream: panel for panel in main.query(StreamPanel)}
        for name in panels.keys() - set(wanted):
            panels.pop(name).remove()
        new = {name: StreamPanel(name) for name in wanted if name not in panels}
        if new:
            main.query_one("#streams").mount(*new.values())
        return panels | new

    async def action_quit(self) -> None:
        """Says that the user is leaving, and leaves."""
        self._on_command(Quit())
        self.exit()

    def action_help(self) -> None:
        """Shows what the bars mean, and all keys."""
        self.push_screen(HelpScreen(self.look, self.backend.can))

    def action_health(self) -> None:
        """Shows whether all is well, and every part in numbers."""
        screen = HealthScreen()
        screen.show(self._checkup(self._clock()))
        self.push_screen(screen)

    def _checkup(self, now_s: float) -> Checkup:
        found = troubles(self.state, now_s)
        return Checkup(state=self.state, found=recorded(found) if self.backend.playback else found, now_s=now_s)

    def action_theme(self) -> None:
        """Goes to the next theme."""
        self.use_theme(themes.following(self.theme))

    def use_theme(self, name: str) -> None:
        """Changes the theme, says which it is, and keeps it for the next time."""
        self.theme = f"emotion-{name}"
        self.look.remember(name)
        self.say(f"Theme: {themes.LABELS[name]}")

    def say(self, text: str) -> None:
        """Shows a line of text for a while."""
        if self.backend.playback:
            self.say_here(text)
            return
        self.state = self.state.say(text, self._clock())
        self._repaint()

    def get_key_display(self, binding: Binding) -> str:
        """A key as the footer shows it."""
        shown = super().get_key_display(binding)
        return keymap.spelled(shown) if self.look.ascii else shown

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The last steps before a line goes to the terminal."""
        return [*super().get_line_filters(), *self._last_steps]

    def action_dismiss_message(self) -> None:
        """Clears the message line."""
        self.forget_said()
        self.state = self.state.dismiss_notice()
        self._repaint()
