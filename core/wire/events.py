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
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_args

from core.distribution import EmotionDistribution
from core.errors import EmotionMonitorError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Emotion: TypeAlias = Literal["anger", "happiness", "sadness", "neutral"]
Timestamp: TypeAlias = str
"""UTC, ISO 8601 with milliseconds and Z: 2026-01-01T10:00:00.000Z."""


MOST = 2**53 - 1
"""Beyond it, most readers of JSON round integers; and those beyond 1e308, nobody can divide or draw."""


class _Exact:
    """Marks integers of which an event with a larger one is refused."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(_checked, handler(source))


def _checked(number: int) -> int:
    if abs(number) > MOST:
        msg = "an integer beyond 2^53"
        raise ValueError(msg)
    return number


Integer: TypeAlias = Annotated[int, _Exact()]


def timestamp(seconds: float) -> Timestamp:
    """Formats seconds since the epoch as the wire's UTC time."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHealth:
    """The sums of one stream.

    Samples: captured = silence + segmented + pending + sum(dropped). Utterances: segments = published + failed +
    in_flight + sum(segments_dropped). Readings begun within a hangover, which are no utterances: eager_begun =
    eager_used + eager_discarded + at most one that is being read or waits for its utterance to be over.
    """

    stream: str
    source: str
    state: Literal["opening", "listening", "paused", "ended", "failed"]
    """A microphone that is away is `failed`, and `listening` again once it is back."""
    captured: Integer = 0
    """Samples, at 16 kHz."""
    silence: Integer = 0
    segmented: Integer = 0
    pending: Integer = 0
    """Samples held by the segmenter that are not yet one or the other."""
    dropped: dict[str, Integer] = field(default_factory=dict)
    """Reason to samples."""
    segments: Integer = 0
    published: Integer = 0
    failed: Integer = 0
    in_flight: Integer = 0
    segments_dropped: dict[str, Integer] = field(default_factory=dict)
    """Reason to utterances."""
    name: str | None = None
    """What the user calls the source; null: nothing."""
    eager_begun: Integer = 0
    """Readings begun before it was certain that the utterance was over."""
    eager_used: Integer = 0
    """Those that became the utterance's reading."""
    eager_discarded: Integer = 0
    """Those thrown away, mostly because speech went on; the utterance was read later, when it was over."""
    eager_discarded_s: float = 0.0
    """What the model was at work for them."""

    @property
    def adds_up(self) -> bool:
        """Whether the sums hold."""
        samples = self.silence + self.segmented + self.pending + sum(self.dropped.values())
        segments = self.published + self.failed + self.in_flight + sum(self.segments_dropped.values())
        eager = self.eager_begun - self.eager_used - self.eager_discarded
        return self.captured == samples and self.segments == segments and eager in {0, 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteHealth:
    """Who reads elsewhere, and what became of what they were asked.

    owned = answered + refused + expired + in_flight.
    """

    broker: str
    """Its address, and what is wrong with it."""
    site: str
    workers: tuple[str, ...]
    """Those that read with the model that is asked; none: utterances wait for one."""
    in_flight: Integer = 0
    owned: Integer = 0
    """Utterances to be read elsewhere, interim ones included."""
    answered: Integer = 0
    refused: Integer = 0
    """The broker would not take them."""
    expired: Integer = 0
    """Not answered in time: they have no reading."""
    resent: Integer = 0
    """Attempts beyond the first ones."""
    declined: Integer = 0
    """Times that a worker passed one on to another."""
    duplicates: Integer = 0
    """Results that came again."""
    late: Integer = 0
    """Results that nobody waited for any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHealth:
    """The inference process: its model, device, and how often it had to be started again."""

    state: Literal["starting", "ready", "busy", "restarting", "stopped", "failed"]
    model: str
    device: str
    generation: Integer
    """How many processes there have been, this one included: another model has one of its own."""
    queued: Integer
    rss_mb: float
    restarts: Integer | None = None
    """How many of them took the place of one that had failed."""
    cpu_percent: float | None = None
    """Of one core, since the health event before."""
    gpu_mb: float | None = None
    """Memory it holds on the GPU; null without one."""
    remote: RemoteHealth | None = None
    """Null where a process of this machine reads. Else `restarting` means that nobody does, and the numbers of the
    process are 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What can be changed while the program runs, as it is now."""

    vad_mode: Integer
    """0 lets most through, 3 is the most careful about calling a frame speech."""
    tau_s: float
    """Time constant of the moving average; 0: none."""
    model: str
    """Name or folder, as the settings have it."""
    prompt: str
    """`auto`: the model folder's default."""
    readout: str
    """Likewise."""
    explain: bool
    """Whether the model writes its answer out for tokens events where the read-out does not need it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkHealth:
    """One sink: `detail` is a short text for people, such as the broker's address."""

    name: str
    state: Literal["starting", "ok", "degraded", "closed"]
    detail: str
    queued: Integer
    """Events that wait."""
    dropped: Integer
    """Events that are lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEvent:
    """Whether the node works: sums per stream, worker, sinks, latency of the last utterances."""

    node: str
    at: Timestamp
    uptime_s: float
    streams: tuple[StreamHealth, ...]
    worker: WorkerHealth
    sinks: tuple[SinkHealth, ...]
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    """Compute after the hangover, over the last 200 utterances."""
    latency_p99_ms: float | None = None
    hangover_p50_ms: float | None = None
    """Silence waited for at the end of the same utterances; 0 for those that were cut."""
    rss_mb: float | None = None
    """Memory of the program without the worker."""
    cpu_percent: float | None = None
    """Of one core, without the worker, since the health event before."""
    tuning: Tuning | None = None
    recording: str | None = None
    """Name of the file that events are being recorded in; null: nothing is."""
    schema: Literal["emotion-monitor/health/1"] = "emotion-monitor/health/1"


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
