"""Wire events: what sinks, MQTT subscribers and the dashboard receive.

Every event is a frozen dataclass whose `schema` field names its JSON Schema, which core.wire.json_schema makes from
it, the strings below the fields included. `encode` and `decode` are the only way to and from JSON.

How the contract may change. The schema's name ends in a version, and consumers written for a version must keep working:

* A new field is not a new version: readers ignore fields they do not know. It has a default here, so that this program
  still reads what an older one has written.
* A field that is removed or renamed, means something else, has another type or unit, may newly be null, or takes
  another value where the values are listed, is a new version: a new class and a new schema beside the old one, both
  published for at least one release, on topics of their own.
* A new event type is a new schema; readers skip messages whose schema they do not know.

tests/core/wire/test_schema_evolution.py holds every schema to the one that was published before.
"""

import functools
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, get_args

from core.distribution import EmotionDistribution
from core.errors import EmotionMonitorError
from core.wire.health import HealthEvent
from core.wire.values import Emotion, Integer, Timestamp

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStamp:
    """What produced a reading, so that it can be reproduced.

    `prompt`, `readout` and `calibration` name how logits became a distribution; `calibration` is null when the
    reading is uncalibrated.
    """

    name: str
    sha256: str
    prompt: str
    readout: str
    calibration: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """What of this voice and room was known when an utterance was read."""

    utterances: Integer
    """How many the model had heard of this stream before."""
    weight: float
    """How much of what the stream sounds like was taken off: 0 nothing, 1 all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyMs:
    """Where the time went between the last voiced frame and the event, in milliseconds.

    `hangover` is the silence the segmenter waited for; the others are compute. `total` is their sum and what lies
    between them; it is less than their sum where `features` and `llm` fell into the hangover, because the reading was
    begun early. What was waited for after the hangover is always `total` - `hangover`.
    """

    hangover: float
    queue: float
    features: float
    llm: float
    total: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceEvent:
    """One reading of one utterance. `final` is false for an interim reading while someone still speaks."""

    id: str
    """A UUID. Stays the same when the event is sent again: drop repeats by it."""
    seq: Integer
    """Counts the stream's final readings from 1, so that a gap is a lost message; an interim reading has the number
    of the final one that comes next."""
    stream: str
    """Names one run of one source; a level of the topic, unless the source has a name."""
    source: str
    """Where the sound came from, such as `mic:USB Audio` or `file:talk.wav`."""
    utterance: Integer
    """Number of the utterance within its stream; its interim and final readings share it."""
    started_at: Timestamp
    """When the utterance began, UTC."""
    start_s: float
    """When it began, in seconds of the stream's own sound."""
    end_s: float
    """When it ended, likewise."""
    final: bool
    """False for an interim reading while someone still speaks."""
    status: Literal["ok", "invalid"]
    """`invalid`: there is no reading, and `reason` says why."""
    reason: str | None
    distribution: EmotionDistribution | None
    """What the model heard in this utterance; null if invalid."""
    smoothed: EmotionDistribution | None
    """The moving average over the stream up to this utterance; null if invalid."""
    entropy: float | None
    """Of `distribution`, divided by ln 4: 0 is one emotion only, 1 is all four equally. High: listeners would
    disagree."""
    margin: float | None
    """Lead of the most likely emotion of `distribution` over the second."""
    dominant: Emotion | None
    """The most likely emotion of `distribution`."""
    model: ModelStamp
    transcript: str | None
    """What was said; null unless the user turned it on."""
    truncated_s: float
    """Seconds of speech beyond what the model hears."""
    latency_ms: LatencyMs
    adaptation: Adaptation | None = None
    """What of this voice and room had been heard before; null where the model does not adapt to them."""
    name: str | None = None
    """What the user calls the source, and then the level of the topic too; null: nothing."""
    batch: Integer | None = None
    """Utterances that the model read at once, this one included: the last digits may depend on it; null: not known."""
    prompt_spread: float | None = None
    """How much hangs on the way of asking: the generalised Jensen-Shannon divergence of what the model said to each way
    in which it was asked, divided by ln 4 as `entropy` is: 0 is no difference; null where it was asked in one way."""
    schema: Literal["emotion-monitor/utterance/1"] = "emotion-monitor/utterance/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEvent:
    """The latest valid reading of a stream, interim ones included, made `at`; worthless after `valid_until`."""

    stream: str
    source: str
    seq: Integer
    """That of the utterance event with the same reading."""
    at: Timestamp
    valid_until: Timestamp
    """Consumers show nothing from then on: a broker that speaks MQTT 3.1.1 keeps the message for ever."""
    final: bool
    """False for an interim reading while someone still speaks."""
    distribution: EmotionDistribution
    smoothed: EmotionDistribution
    """The moving average; what a lamp should follow."""
    entropy: float
    margin: float
    dominant: Emotion
    calibration: str | None = None
    """As in ModelStamp: null when the reading is uncalibrated."""
    name: str | None = None
    """What the user calls the source, and then the level of the topic too; null: nothing."""
    adaptation: Adaptation | None = None
    """What of this voice and room had been heard before; null where the model does not adapt to them."""
    schema: Literal["emotion-monitor/state/1"] = "emotion-monitor/state/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelEvent:
    """What the microphone hears right now; several a second, for displays, never queued for long."""

    stream: str
    source: str
    at_s: float
    rms_dbfs: float
    peak_dbfs: float
    voiced: bool
    """Whether voice activity detection calls the latest frame speech."""
    speaking: bool
    """Whether an utterance is going on."""
    noise_floor_dbfs: float | None = None
    """Level between utterances, over the last seconds; null until it is known."""
    clipped: bool = False
    """Whether sound since the level before reached full scale."""
    name: str | None = None
    """What the user calls the source, and then the level of the topic too; null: nothing."""
    schema: Literal["emotion-monitor/level/1"] = "emotion-monitor/level/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropEvent:
    """Sound that will get no reading, and why."""

    stream: str
    source: str
    at: Timestamp
    reason: str
    """One word by which health counts it too, such as `too_late`; `absent` is the gap of a microphone that was away."""
    start_s: float
    """When it began, in seconds of the stream's own sound."""
    end_s: float
    name: str | None = None
    """What the user calls the source, and then the level of the topic too; null: nothing."""
    schema: Literal["emotion-monitor/drop/1"] = "emotion-monitor/drop/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStep:
    """One token of the model's answer, and how the emotion words stood when it was chosen."""

    token: str
    """As the vocabulary spells it, with a blank where a word begins; empty where the answer was not written."""
    emotion_word: bool
    """Whether it is part of an emotion word."""
    log_probabilities: dict[Emotion, float]
    """Of the likeliest piece of each emotion's words at this step, natural logarithm, over the whole vocabulary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensEvent:
    """How the reading of an utterance came about: the answer token by token, and every read-out of the same logits.

    Comes after the utterance event of the same `stream` and `seq`, for final readings only.
    """

    stream: str
    source: str
    seq: Integer
    utterance: Integer
    prompt: str
    answer: str | None
    """What the model wrote; null where it was not asked to write."""
    steps: tuple[TokenStep, ...]
    """At least one: the first is the answer position."""
    readouts: dict[str, EmotionDistribution | None]
    """Read-out to its distribution, uncalibrated; null where it gives none."""
    name: str | None = None
    """What the user calls the source, and then the level of the topic too; null: nothing."""
    schema: Literal["emotion-monitor/tokens/1"] = "emotion-monitor/tokens/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEvent:
    """A moment that someone marked."""

    id: str
    """A UUID."""
    at: Timestamp
    text: str
    positions_s: dict[str, float] = field(default_factory=dict)
    """Stream to the second of its own sound that was being heard."""
    schema: Literal["emotion-monitor/note/1"] = "emotion-monitor/note/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorEvent:
    """Something failed and the program goes on. `where` names the part: source, worker, mqtt, ..."""

    at: Timestamp
    where: str
    message: str
    hint: str | None = None
    """What to do about it."""
    stream: str | None = None
    """The one concerned; null where it is the node."""
    schema: Literal["emotion-monitor/error/1"] = "emotion-monitor/error/1"


Event: TypeAlias = (
    UtteranceEvent | StateEvent | LevelEvent | DropEvent | TokensEvent | NoteEvent | ErrorEvent | HealthEvent
)
EVENT_TYPES: tuple[type[Event], ...] = get_args(Event)

Availability: TypeAlias = Literal["online", "degraded", "offline"]
"""Plain text on the availability topic, also the last will."""


class EventError(EmotionMonitorError):
    """Bytes that are not an event this version understands."""


def schema_name(event_type: type[Event]) -> str:
    """The value of the `schema` field of an event type, e.g. `emotion-monitor/utterance/1`."""
    return str(event_type.__dataclass_fields__["schema"].default)


_OBEYED_BY_TERMINALS = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""Control characters that JSON, unlike others, lets stand as they are."""


def encode(event: Event) -> bytes:
    """One event as compact UTF-8 JSON, `schema` first, without a newline."""
    payload = asdict(event)
    ordered = {"schema": payload.pop("schema"), **payload}
    text = json.dumps(ordered, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A file name may hold bytes that are no Unicode; an event about it must still go out.
    return text.translate(_OBEYED_BY_TERMINALS).encode(errors="replace")


def decode(data: bytes | str) -> Event:
    """The event in a JSON text; fields this version does not know are ignored.

    Raises:
        EventError: Not JSON, an unknown schema, a missing field or a wrong value, such as a number that is not finite.
    """
    from pydantic import ValidationError

    try:
        return _adapter().validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"not a valid event: {where}: {first['msg']}" if where else f"not a valid event: {first['msg']}"
        raise EventError(msg) from error


@functools.cache
def _adapter() -> "TypeAdapter[Event]":
    from pydantic import ConfigDict, Field, TypeAdapter

    return TypeAdapter(Annotated[Event, Field(discriminator="schema")], config=ConfigDict(allow_inf_nan=False))
