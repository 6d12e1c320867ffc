"""What can be changed while the program runs: from settings and commands to a `Tuning`, and back. Pure."""

from dataclasses import replace
from typing import TypeAlias, cast

from core.errors import UsageError
from core.settings import READOUTS, ModelSettings, Prompt, Readout, Settings
from core.wire.commands import SetModel, SetReading, SetSmoothing, SetVad
from core.wire.health import Tuning

Tune: TypeAlias = SetSmoothing | SetVad | SetReading | SetModel
"""A command that changes the tuning."""


def initial_tuning(settings: Settings) -> Tuning:
    """As the settings have it."""
    model = settings.model
    return Tuning(
        vad_mode=settings.vad.mode,
        tau_s=settings.smoothing.tau_s,
        model=model.name,
        prompt=model.prompt,
        readout=model.readout,
        explain=model.explain,
    )


def tuned(tuning: Tuning, command: Tune) -> Tuning:
    """The tuning after a command.

    Raises:
        UsageError: There is no such read-out.
    """
    match command:
        case SetSmoothing():
            return replace(tuning, tau_s=command.tau_s)
        case SetVad():
            return replace(tuning, vad_mode=command.mode)
        case SetModel():
            return replace(tuning, model=command.name)
        case SetReading():
            if command.readout is not None and command.readout not in READOUTS:
                msg = f"unknown readout {command.readout!r}"
                raise UsageError(msg, hint=f"known: {', '.join(READOUTS)}")
            return replace(
                tuning,
                prompt=tuning.prompt if command.prompt is None else command.prompt,
                readout=tuning.readout if command.readout is None else command.readout,
                explain=tuning.explain if command.explain is None else command.explain,
            )


def tuned_model(settings: ModelSettings, tuning: Tuning) -> ModelSettings:
    """The model that a tuning asks for; what can only be set stays as `settings` has it."""
    return replace(
        settings,
        name=tuning.model,
        prompt=cast("Prompt", tuning.prompt),
        readout=cast("Readout", tuning.readout),
        explain=tuning.explain,
    )


def same_model(one: ModelSettings, other: ModelSettings) -> bool:
    """Whether a model loaded for the one serves the other: whether it explains is told with every utterance."""
    return replace(one, explain=False) == replace(other, explain=False)
