"""What the user can change in the monitor behind the dashboard: the command that comes of a wish, and its words."""

from pathlib import PurePath

from core.wire.commands import Command, Note, Pause, Record, Resume, SetModel, SetReading, SetSmoothing, SwitchSource
from monitor.dashboard.state.view_model import DashboardState, Stream


def pausing(state: DashboardState, elsewhere: Stream | None) -> Command | None:
    """Stops listening, or goes on; `elsewhere` is the stream of another machine that is meant. None: it has ended."""
    if elsewhere:
        return Resume() if elsewhere.state == "paused" else Pause()
    if state.ended:
        return None
    return Resume() if state.paused else Pause()


def recording(state: DashboardState) -> Record:
    """Starts recording events, or stops."""
    return Record(on=state.health is None or state.health.recording is None)


def explaining(state: DashboardState) -> SetReading:
    """Has the model write its answers out, or not any more."""
    tuning = state.health.tuning if state.health else None
    return SetReading(explain=not (tuning and tuning.explain))


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
