"""The part of the dashboard that depends on what stands behind it: keys that are off, and the controls of a replay."""

import time
from collections.abc import Callable

from core.wire.commands import Command, Pause, Resume
from monitor.dashboard.backend import Backend
from monitor.dashboard.controls import Controls
from monitor.dashboard.dialogs.remote_microphone import RemoteMicrophoneDialog
from monitor.dashboard.paint.playback import playback as paint_playback
from monitor.dashboard.paint.text import line
from monitor.dashboard.state.view_model import NOTICE_S, Notice, Session
from monitor.dashboard.widgets.painted import Painted

TWO_ROWS = 20
"""From so many lines on, the replay's bar has a line of its own."""


class Playing(Controls):
    """Says what cannot be done here, and plays."""

    def __init__(self, *, on_command: Callable[[Command], None], session: Session, backend: Backend) -> None:
        self.backend = backend
        self.now = backend.now
        self._said: Notice | None = None
        super().__init__(on_command=on_command, session=session)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002 - Textual's
        """Whether an action means something here: footer and palette leave the others out."""
        return self.backend.can(action)

    async def run_action(self, action: object, *rest: object, **named: object) -> bool:
        """Does what a key asks for, or says why not."""
        name = str(action).partition("(")[0].removeprefix("app.")
        if not name.startswith("playback_") and not self.backend.can(name):
            self.say(self.backend.refusal)
            return True
        return await super().run_action(action, *rest, **named)  # type: ignore[arg-type]

    def ask(self, command: Command) -> None:
        """Gives a command, if it can be given here."""
        if type(command) in self.backend.commands:
            super().ask(command)
        else:
            self.say(self.backend.refusal)

    def action_pause(self) -> None:
        """Stops listening, or goes on; elsewhere, at the monitor of the timeline's stream, whose answer is awaited."""
        shown = self.view.shown(self.state)
        if self.backend.remote and shown:
            self.ask(Resume() if shown.state == "paused" else Pause())
        else:
            super().action_pause()

    def action_microphone(self) -> None:
        """Chooses another microphone; one of another machine by its name."""
        if self.backend.remote:
            self.open_dialog(RemoteMicrophoneDialog(self.state, self.view.shown(self.state)))
        else:
            super().action_microphone()

    def action_playback_pause(self) -> None:
        """Holds the replay, or goes on."""
        if self.backend.playback:
            self._answer(self.backend.playback.toggle())

    def action_playback_skip(self, seconds: float) -> None:
        """Goes back or on."""
        if self.backend.playback:
            self._answer(self.backend.playback.skip(seconds))

    def action_playback_speed(self, steps: int) -> None:
        """Plays faster or slower."""
        if self.backend.playback:
            self._answer(self.backend.playback.change_speed(steps))

    def action_playback_go(self, where: str) -> None:
        """Goes to the start or the end."""
        if self.backend.playback:
            self._answer(self.backend.playback.go_to(end=where == "end"))

    def show_playback(self) -> int:
        """Paints where the replay is; gives the lines that takes."""
        shown = self.screen_stack[0].query_one("#playback", Painted)
        playback = self.backend.playback
        rows = 0 if playback is None else 2 if self.size.height >= TWO_ROWS else 1
        shown.display = rows > 0
        if playback:
            if shown.styles.height is None or shown.styles.height.value != rows:
                shown.styles.height = rows
            shown.show(paint_playback, playback.facts, rows)
        return rows

    def show_remark(self, message: Painted, *, notice: Notice | None) -> bool:
        """Paints what is said by the dashboard itself, before what events say; whether there is something."""
        said = self._said if self._said and time.monotonic() - self._said.received_s < NOTICE_S else None
        if said:
            message.show(line, said.text, "$accent")
            return True
        remark = "" if notice else self.backend.playback.remark if self.backend.playback else self.backend.remark()
        if remark:
            message.show(line, remark, "$warning")
        return bool(remark)

    def say_here(self, text: str) -> None:
        """Shows a line of text for a while of real time, whatever time the events are of."""
        self._said = Notice(text=text, times=1, received_s=time.monotonic(), grave=False)
        self._repaint()

    def forget_said(self) -> None:
        """Clears what the dashboard itself has said."""
        self._said = None
        if self.backend.playback:
            self.backend.playback.dismiss()

    def _answer(self, text: str) -> None:
        self._said = None
        if text:
            self.say_here(text)
        else:
            self._repaint()
