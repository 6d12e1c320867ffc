"""What the user can change in the monitor behind the dashboard: a key, perhaps a dialog, a command."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import PurePath

from textual import on

from core.wire.commands import Command, Note, Pause, Record, Resume, SetModel, SetReading, SetSmoothing, SwitchSource
from monitor.dashboard.browsing import Browsing
from monitor.dashboard.dialogs.dialog import Asked, Dialog
from monitor.dashboard.dialogs.microphone import MicrophoneDialog
from monitor.dashboard.dialogs.model import ModelDialog
from monitor.dashboard.dialogs.note import NoteDialog
from monitor.dashboard.dialogs.reading import ReadingDialog
from monitor.dashboard.dialogs.sensitivity import SensitivityDialog
from monitor.dashboard.dialogs.smoothing import SmoothingDialog
from monitor.sources.portaudio import Microphone


def asked(command: Command) -> str:
    """What the message line says of a command that was given; empty where the screen shows it anyway."""
    said = ""
    match command:
        case Record():
            said = "Events are being recorded, never sound." if command.on else "The recording is closed."
        case Note():
            said = f"Noted: {command.text}" if command.text else "Marked."
        case SetModel():
            said = f"Loading {PurePath(command.name).name}; until then the present model listens."
        case SetReading():
            said = f"From the next utterance on: {', '.join(_changes(command))}."
        case SetSmoothing():
            said = f"Smoothed over {command.tau_s:g} s." if command.tau_s else "Not smoothed any more."
        case SwitchSource():
            said = f"Opening {command.source}."
    return said


def _changes(command: SetReading) -> list[str]:
    changes = [f"prompt {command.prompt}"] if command.prompt else []
    changes += [f"read-out {command.readout}"] if command.readout else []
    if command.explain is not None:
        changes.append("written answers" if command.explain else "no written answers")
    return changes


class Controls(Browsing):
    """The part of the dashboard that gives commands."""

    find_microphones: Callable[[], Sequence[Microphone]]

    def ask(self, command: Command) -> None:
        """Gives a command and says so; what becomes of it, events tell."""
        self._on_command(command)
        said = asked(command)
        if said:
            self.say(said)

    @abstractmethod
    def say(self, text: str) -> None:
        """Shows a line of text for a while."""

    def show_dialogs(self) -> None:
        """Tells open dialogs what is known by now."""
        for screen in self.screen_stack[1:]:
            if isinstance(screen, Dialog):
                screen.show(self.state)

    def open_dialog(self, dialog: Dialog) -> None:
        """Opens a dialog and gives the command that comes of it."""
        self.push_screen(dialog, lambda command: self.ask(command) if command else None)

    def action_pause(self) -> None:
        """Stops listening, or goes on."""
        if self.state.ended:
            return
        paused = not self.state.paused
        self.state = self.state.ask_pause(paused=paused)
        self.ask(Pause() if paused else Resume())
        self._repaint()

    def action_note(self) -> None:
        """Marks this moment."""
        self.open_dialog(NoteDialog(self.state))

    def action_record(self) -> None:
        """Starts recording events, or stops."""
        recording = self.state.health.recording if self.state.health else None
        self.ask(Record(on=recording is None))

    def action_microphone(self) -> None:
        """Chooses another microphone for the stream of the timeline."""
        self.open_dialog(MicrophoneDialog(self.state, self.view.shown(self.state), self.find_microphones))

    def action_model(self) -> None:
        """Chooses another model."""
        self.open_dialog(ModelDialog(self.state))

    def action_reading(self) -> None:
        """Chooses prompt and read-out."""
        self.open_dialog(ReadingDialog(self.state))

    def action_sensitivity(self) -> None:
        """Chooses what counts as speech."""
        self.open_dialog(SensitivityDialog(self.state))

    def action_smoothing(self) -> None:
        """Chooses the time constant of the moving average."""
        self.open_dialog(SmoothingDialog(self.state))

    @on(Asked)
    def _on_asked(self, message: Asked) -> None:
        self.ask(message.command)
