"""What is said over the WebSocket besides sound: JSON objects with a `type`. docs/websocket.md shows each.

A client may say two things and is told at once what it said wrong; fields it does not know are refused, since doing
half of what was asked is worse than saying so. What the server says follows the rule of events: readers ignore what
they do not know.
"""

import functools
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from annotated_types import Len

from core.errors import EmotionMonitorError
from core.wire.events import UtteranceEvent

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_TEXT = 4096
"""Characters of a client's message; a longer one is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _FromClient:
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(_FromClient):
    """The first message: what sound will come.

    `name` and `language` are what the client says about itself: the log shows them, and nothing depends on them.
    """

    sample_rate_hz: Literal[16000]
    encoding: Literal["s16le"] = "s16le"
    channels: Literal[1] = 1
    name: Annotated[str, Len(1, 64)] | None = None
    language: Annotated[str, Len(1, 35)] | None = None
    token: Annotated[str, Len(1, 256)] | None = field(default=None, repr=False)
    type: Literal["hello"] = "hello"


@dataclass(frozen=True, slots=True, kw_only=True)
class End(_FromClient):
    """No more sound will come; what is still to be read is awaited."""

    type: Literal["end"] = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Sound may come, within these limits."""

    session: str
    sample_rate_hz: int
    encoding: str
    channels: int
    max_frame_bytes: int
    max_rate: float | None
    """Seconds of sound taken per second; null: as fast as the model reads."""
    burst_s: float
    """Seconds of sound that may come at once, once in a while."""
    idle_s: float
    """A client that sends no sound for so long is let go."""
    type: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceStart:
    """Someone began to speak, shortly before `audio_ms` of the sound sent."""

    utterance: int
    """Counts from 1 in this session."""
    audio_ms: int
    type: Literal["utterance.start"] = "utterance.start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """How an utterance sounds so far, at intervals while it lasts."""

    utterance: int
    audio_start_ms: int
    audio_end_ms: int
    reading: UtteranceEvent
    type: Literal["measurement"] = "measurement"


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceEnd:
    """An utterance is over: its final reading, or why there is none. Follows every utterance.start, once."""

    utterance: int
    audio_start_ms: int | None
    audio_end_ms: int | None
    reading: UtteranceEvent | None
    reason: str | None
    """Why there is no reading, or the reason that an invalid one gives."""
    type: Literal["utterance.end"] = "utterance.end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Sound that was not listened to: `overflow` or `paused`."""

    reason: str
    audio_start_ms: int
    audio_end_ms: int
    type: Literal["drop"] = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A frame was refused and the connection goes on. `lost_s` is the sound that this cost since the last refusal."""

    code: Literal["invalid_audio_frame", "rate_limited"]
    message: str
    lost_s: float
    type: Literal["error"] = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionClosed:
    """The last message after an `end`: everything is read."""

    audio_ms: int
    """Length of the sound that was sent."""
    utterances: int
    type: Literal["session.closed"] = "session.closed"


ClientMessage: TypeAlias = Hello | End
ServerMessage: TypeAlias = Ready | UtteranceStart | Measurement | UtteranceEnd | Drop | Refusal | SessionClosed


class MessageError(EmotionMonitorError):
    """A text that is no message of a client."""


def encode(message: ServerMessage | ClientMessage) -> str:
    """One message as JSON, `type` first; what a client leaves unsaid stays unsaid."""
    payload = asdict(message)
    payload = {"type": payload.pop("type"), **payload}
    if isinstance(message, _FromClient):
        payload = {name: value for name, value in payload.items() if value is not None}
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def decode(text: str) -> ClientMessage:
    """The message in a text of a client.

    Raises:
        MessageError: Too long, not JSON, or not a message of this version.
    """
    from pydantic import ValidationError

    if len(text) > MAX_TEXT:
        msg = f"a message of {len(text)} characters; at most {MAX_TEXT} are read"
        raise MessageError(msg)
    try:
        return _adapter().validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        msg = f"{where}: {first['msg'].lower()}" if where else first["msg"].lower()
        raise MessageError(msg) from error


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of every message, by name in `$defs`."""
    from pydantic import TypeAdapter

    union: TypeAdapter[ClientMessage | ServerMessage] = TypeAdapter(ClientMessage | ServerMessage)
    schema = union.json_schema()
    for definition in schema["$defs"].values():
        if "type" in definition.get("properties", {}):
            definition["required"] = ["type", *definition.get("required", ())]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "emotion-monitor/websocket/1",
        "title": "Messages over the WebSocket",
        **schema,
    }


@functools.cache
def _adapter() -> "TypeAdapter[ClientMessage]":
    from pydantic import Field, TypeAdapter

    return TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])
