"""Commands: what people, and programs on the wire, ask of a running monitor, and what it answers.

On the wire a command is a flat JSON object, such as

    {"schema": "emotion-monitor/command/1", "command": "set_smoothing", "tau_s": 5.0, "id": "42"}

Unlike readers of events, a monitor refuses fields that it does not know: doing half of what was asked is worse than
saying so.
"""

import functools
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, get_args

from annotated_types import Ge, Le, MaxLen

from core.errors import EmotionMonitorError
from core.wire.values import Timestamp

if TYPE_CHECKING:
    from pydantic import TypeAdapter

COMMAND_SCHEMA = "emotion-monitor/command/1"
MAX_COMMAND_BYTES = 4096
"""A longer message is no command."""
MAX_REFUSED_BYTES = 16 * MAX_COMMAND_BYTES
"""Nor is a longer one looked at for where its refusal should go."""

LONGEST_TAU_S = 600.0
_LONGEST_ID = 128
_LONGEST_TOPIC = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class _OnTheWire:
    """What every command of the wire has.

    `id` comes back in the answer, a refusal too; `reply_to` is the topic the answer is wanted on: that of the node's
    answers, or one below it. MQTT 5's correlation data and response topic do the same, where the message has them.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    schema: Literal["emotion-monitor/command/1"] = "emotion-monitor/command/1"
    id: Annotated[str, MaxLen(_LONGEST_ID)] | None = None
    reply_to: Annotated[str, MaxLen(_LONGEST_TOPIC)] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(_OnTheWire):
    """Stop listening; what was said until now is still read."""

    command: Literal["pause"] = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume(_OnTheWire):
    """Listen again."""

    command: Literal["resume"] = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute(_OnTheWire):
    """Publish no readings over MQTT until unmuted; those of the meantime are never published."""

    command: Literal["mute"] = "mute"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmute(_OnTheWire):
    """Publish readings again."""

    command: Literal["unmute"] = "unmute"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSmoothing(_OnTheWire):
    """Another time constant of the moving average, in seconds; 0 turns it off."""

    tau_s: Annotated[float, Ge(0), Le(LONGEST_TAU_S)]
    command: Literal["set_smoothing"] = "set_smoothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchSource(_OnTheWire):
    """Another microphone, `mic` or `mic:NAME`, in place of a stream's source; without `stream`, of the only one.

    Files and standard input are the local user's business, not that of the wire.
    """

    source: Annotated[str, MaxLen(256)]
    stream: Annotated[str, MaxLen(64)] | None = None
    command: Literal["switch_source"] = "switch_source"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVad(_OnTheWire):
    """Another sensitivity of voice activity detection: 0 lets most through, 3 is the most careful."""

    mode: Annotated[int, Ge(0), Le(3)]
    command: Literal["set_vad"] = "set_vad"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetReading(_OnTheWire):
    """How the model is asked and its logits are read, from the next utterance on; what is null stays as it is."""

    prompt: Literal["auto", "single", "ambiguous"] | None = None
    readout: Annotated[str, MaxLen(32)] | None = None
    explain: bool | None = None
    """Write the answer out for tokens events even where the read-out does not need it; takes longer."""
    command: Literal["set_reading"] = "set_reading"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(_OnTheWire):
    """Mark this moment."""

    text: Annotated[str, MaxLen(500)]
    command: Literal["note"] = "note"


@dataclass(frozen=True, slots=True)
class Quit:
    """End the program. Only its own user can ask for that; it is never on the wire."""


@dataclass(frozen=True, slots=True)
class SetModel:
    """Another model, by name or folder. Only the program's own user can ask for that, as for what follows."""

    name: str


@dataclass(frozen=True, slots=True)
class Record:
    """Start recording events, or stop."""

    on: bool


WireCommand: TypeAlias = Pause | Resume | Mute | Unmute | SetSmoothing | SwitchSource | SetVad | SetReading | Note
WIRE_COMMANDS: tuple[type[WireCommand], ...] = get_args(WireCommand)
Command: TypeAlias = WireCommand | Quit | SetModel | Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a command: done, or refused with the reason and what to do about it."""

    node: str
    at: Timestamp
    id: str | None
    command: str | None
    """Null where the message was no command."""
    ok: bool
    error: str | None = None
    hint: str | None = None
    schema: Literal["emotion-monitor/answer/1"] = "emotion-monitor/answer/1"


class CommandError(EmotionMonitorError):
    """A message that is no command of this version, or comes when none is taken.

    Attributes:
        id: As commands have it, if the message says so.
        reply_to: Likewise.
    """

    id: str | None = None
    reply_to: str | None = None


def refusal(data: bytes, message: str, *, hint: str | None = None) -> CommandError:
    """The error that refuses what was sent, whatever it is; who asked knows it by its id, where there is one."""
    from pydantic_core import from_json

    try:
        said = from_json(data) if len(data) <= MAX_REFUSED_BYTES else None
    except ValueError:
        said = None
    error = CommandError(message, hint=hint)
    for name, longest in (("id", _LONGEST_ID), ("reply_to", _LONGEST_TOPIC)):
        value = said.get(name) if isinstance(said, dict) else None
        if isinstance(value, str) and len(value) <= longest:
            setattr(error, name, value)
    return error


def decode_command(data: bytes) -> WireCommand:
    """The command in a JSON text.

    Raises:
        CommandError: Too long, not JSON, or not a command of this version.
    """
    from pydantic import ValidationError

    if len(data) > MAX_COMMAND_BYTES:
        raise refusal(data, f"a command of {len(data)} bytes; at most {MAX_COMMAND_BYTES} are read")
    try:
        return _adapter().validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"not a command: {f'{where}: ' if where else ''}{first['msg'].lower()}"
        known = ", ".join(command_name(kind) for kind in WIRE_COMMANDS)
        raise refusal(data, msg, hint=f"commands: {known}; schema {COMMAND_SCHEMA}") from error


def command_name(command: type[WireCommand] | WireCommand) -> str:
    """The value of a command's `command` field."""
    return str(command.__dataclass_fields__["command"].default)


def encode_command(command: WireCommand) -> bytes:
    """One command as UTF-8 JSON."""
    return _as_json({name: value for name, value in asdict(command).items() if value is not None})


def encode_answer(answer: Answer) -> bytes:
    """One answer as UTF-8 JSON."""
    return _as_json(asdict(answer))


def decode_answer(data: bytes) -> Answer:
    """The answer in a JSON text; fields this version does not know are ignored.

    Raises:
        CommandError: It is no answer.
    """
    from pydantic import ValidationError

    try:
        return _answer_adapter().validate_json(data)
    except ValidationError as error:
        msg = "not an answer to a command"
        raise CommandError(msg) from error


def _as_json(values: dict[str, Any]) -> bytes:
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode(errors="replace")


@functools.cache
def _adapter() -> "TypeAdapter[WireCommand]":
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[WireCommand, Field(discriminator="command")])


@functools.cache
def _answer_adapter() -> "TypeAdapter[Answer]":
    from pydantic import TypeAdapter

    return TypeAdapter(Answer)
