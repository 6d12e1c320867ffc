"""The terminal dashboard: shows wire events, gives commands back."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.message import Message

from core.errors import EmotionMonitorError
from core.wire.commands import Command, Pause, Quit
from core.wire.events import Event, LevelEvent
from monitor.dashboard import controls, keymap, keys
from monitor.dashboard.backend import Backend
from monitor.dashboard.dialogs.dialog import Asked, Dialog
from monitor.dashboard.dialogs.microphone import MicrophoneDialog
from monitor.dashboard.dialogs.model import ModelDialog
from monitor.dashboard.dialogs.note import NoteDialog
from monitor.dashboard.dialogs.reading import ReadingDialog
from monitor.dashboard.dialogs.remote_microphone import RemoteMicrophoneDialog
from monitor.dashboard.dialogs.sensitivity import SensitivityDialog
from monitor.dashboard.dialogs.smoothing import SmoothingDialog
from monitor.dashboard.exporting import Exporter
from monitor.dashboard.help import HelpScreen
from monitor.dashboard.look import Look
from monitor.dashboard.main_screen import MainScreen
from monitor.dashboard.paint import themes, wording
from monitor.dashboard.paint.ascii import AsciiFilter
from monitor.dashboard.paint.few_colours import FEW, FewColours
from monitor.dashboard.paint.health import Checkup
from monitor.dashboard.paint.text import NARROW
from monitor.dashboard.paint.troubles import recorded, troubles
from monitor.dashboard.palette import Actions
from monitor.dashboard.picture import save_picture
from monitor.dashboard.state.playback import replayed
from monitor.dashboard.state.view import View
from monitor.dashboard.state.view_model import DashboardState, Session, Stream
from monitor.dashboard.widgets.details import DetailsScreen
from monitor.dashboard.widgets.health_screen import HealthScreen
from monitor.sources.portaudio import Microphone, list_microphones

if TYPE_CHECKING:
    from textual.timer import Timer

REPAINT_S = 1 / 12
"""At most twelve repaints a second: smooth for a level meter, quiet for the processor."""
QUIET_FACTOR = 4
"""How much rarer the repaints are while nobody speaks."""
TICK_S = 1.0
"""How often what depends on time alone (a notice fading, sound that stopped) is looked at."""


class DashboardApp(App[None]):
    """Shows every event given to `post_event` and calls `on_command` for every wish of the user.

    The app and the pipeline share one event loop, as two tasks:

        async with asyncio.TaskGroup() as tasks:
            pipeline = tasks.create_task(run_pipeline(sinks=[DashboardSink(app), ...]))
            await app.show()
            pipeline.cancel()

    `show` returns when the user quits (after `on_command(Quit())`) or when someone calls `exit()`; it does
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
        state: What is known.
        there: Set once screens can be shown.
        exporter: What was heard, for exports and for the last words.
    """

    CSS_PATH = ["dashboard.tcss", "dialogs/dialogs.tcss"]  # noqa: RUF012 - declared by Textual
    COMMANDS = {Actions}  # noqa: RUF012
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (NARROW, "-wide")]  # noqa: RUF012 - declared by Textual
    BINDINGS: ClassVar[list[BindingType]] = [*keys.EVERYWHERE]

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
        super().__init__()
        self.title = title
        self.state = DashboardState(session=session or Session())
        self._on_command = on_command
        self._clock = clock
        self._repaint_s = repaint_s
        self._painted_s, self._repaint_at_s = -math.inf, math.inf
        self._timer: Timer | None = None
        self.look = look or Look()
        self.backend = backend or Backend()
        self._find_microphones = find_microphones
        self.exporter = Exporter(self.backend.session)
        self._main = MainScreen(self.look, self.backend, self._repaint)
        self.there = asyncio.Event()
        self._last_steps: list[LineFilter] = [AsciiFilter()] if self.look.ascii else []
        if (system := self.console.color_system) in FEW:
            self._last_steps.append(FewColours(system))
        for theme in themes.THEMES:
            self.register_theme(theme)
        self.theme = f"emotion-{self.look.theme}"
        self.set_keymap(self.look.keymap)

    async def show(self) -> None:
        """Runs until the user quits.

        Raises:
            Exception: A defect of ours or of Textual's ended it.
        """
        await self.run_async()
        if self._exception is not None:
            raise self._exception

    def _fatal_error(self) -> None:
        """Textual's own would leave a traceback on the terminal; `show` raises what it was."""
        self._close_messages_no_wait()

    def post_event(self, event: Event) -> None:
        """Takes one event, before, while or after the app runs; call it on the app's event loop."""
        self.state = self.state.push(event, now_s=self._clock())
        self.exporter.hear(event)
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

    def on_mount(self) -> None:
        """Shows what arrived before the screen was there."""
        self.there.set()
        self.set_interval(TICK_S, self._repaint)
        self.call_after_refresh(self._repaint)

    def get_default_screen(self) -> MainScreen:
        """The screen below all others."""
        return self._main

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
        if not (self.is_running and self._main.is_mounted):
            return
        known = self._checkup()
        self._main.show(known)
        for screen in self.screen_stack[1:]:
            if isinstance(screen, Dialog):
                screen.show(known.state)
            elif isinstance(screen, HealthScreen):
                screen.show(known)

    def _checkup(self) -> Checkup:
        now_s = self._clock()
        found = troubles(self.state, now_s)
        if self.backend.playback:
            return Checkup(state=replayed(self.state), found=recorded(found), now_s=now_s)
        return Checkup(state=self.state, found=found, now_s=now_s)

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
        screen.show(self._checkup())
        self.push_screen(screen)

    async def action_picture(self) -> None:
        """Saves the screen as an SVG picture and says where; above another screen in a box of its own."""
        svg = self.export_screenshot(title=self.title)
        try:
            said = f"Picture: {await asyncio.to_thread(save_picture, svg)}"
        except EmotionMonitorError as error:
            said = str(error)
        self.say(said)
        if self.screen is not self._main:
            self.notify(said, markup=False)

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
        if self.backend.playback:  # whose clock may stand still
            self._main.say(text)
            return
        self.state = self.state.say(text, self._clock())
        self._repaint()

    @property
    def view(self) -> View:
        """What is looked at of the past."""
        return self._main.view

    @property
    def _stream(self) -> Stream | None:
        """The stream of the timeline, which commands are meant for."""
        return self.view.shown(self.state)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Whether an action means something here: footer and palette leave the others out."""
        return self.backend.can(action)

    async def run_action(self, action: object, *rest: object, **named: object) -> bool:
        """Does what a key asks for, or says why not."""
        name = str(action)
        if not name.startswith("playback_") and not self.backend.can(name):
            self.say(self.backend.refusal)
            return True
        return await super().run_action(action, *rest, **named)  # type: ignore[arg-type]

    def _ask(self, command: Command) -> None:
        """Gives a command and says so, or why it cannot be given here; what becomes of it, events tell."""
        if type(command) not in self.backend.commands:
            self.say(self.backend.refusal)
            return
        self._on_command(command)
        said = controls.asked(command)
        if said:
            self.say(said)

    def action_pause(self) -> None:
        """Stops listening, or goes on; elsewhere, at the monitor of the timeline's stream, whose answer is awaited."""
        elsewhere = self._stream if self.backend.remote else None
        command = controls.pausing(self.state, elsewhere)
        if command is None:
            over = self._stream.source if self._stream else ""
            self.say(f"There is nothing to pause. {wording.ended(over)}")
            return
        if not elsewhere:
            self.state = self.state.ask_pause(paused=isinstance(command, Pause))
        self._ask(command)
        self._repaint()

    def action_record(self) -> None:
        """Starts recording events, or stops."""
        self._ask(controls.recording(self.state))

    def action_note(self) -> None:
        """Marks this moment."""
        self._open(NoteDialog(self.state))

    def action_microphone(self) -> None:
        """Chooses another microphone for the stream of the timeline; one of another machine by its name."""
        if self.backend.remote:
            self._open(RemoteMicrophoneDialog(self.state, self._stream))
        else:
            self._open(MicrophoneDialog(self.state, self._stream, self._find_microphones))

    def action_model(self) -> None:
        """Chooses another model."""
        self._open(ModelDialog(self.state))

    def action_reading(self) -> None:
        """Chooses prompt and read-out."""
        self._open(ReadingDialog(self.state))

    def action_sensitivity(self) -> None:
        """Chooses what counts as speech."""
        self._open(SensitivityDialog(self.state))

    def action_smoothing(self) -> None:
        """Chooses the time constant of the moving average."""
        self._open(SmoothingDialog(self.state))

    def action_export(self) -> None:
        """Chooses formats and a folder, and exports."""
        self._open(self.exporter.dialog(self.state))

    def _open(self, dialog: Dialog) -> None:
        """Opens a dialog and gives the command that comes of it."""
        self.push_screen(dialog, lambda command: self._ask(command) if command else None)

    @on(Asked)
    def _on_asked(self, message: Asked) -> None:
        self._ask(message.command)

    @on(DetailsScreen.Explain)
    def _on_explain(self) -> None:
        self._ask(controls.explaining(self.state))

    def get_key_display(self, binding: Binding) -> str:
        """A key as the footer shows it."""
        shown = super().get_key_display(binding)
        return keymap.spelled(shown) if self.look.ascii else shown

    def get_line_filters(self) -> Sequence[LineFilter]:
        """The last steps before a line goes to the terminal."""
        return [*super().get_line_filters(), *self._last_steps]

    def action_dismiss_message(self) -> None:
        """Clears the message line."""
        self.state = self.state.dismiss_notice()
        self._main.dismiss_said()
