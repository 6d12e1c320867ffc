"""What is said between who hears and who reads where these are two machines: jobs, results, and offers to read.

A job and a result are each one JSON object; the sound of a job follows it, see monitor.jobs.envelope. Jobs are like
commands: a field that the reader does not know is refused, as half of what was asked would be another reading. Results
and offers are like events: unknown fields are ignored.
"""

import functools
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from annotated_types import Ge, Le, MaxLen

from core.errors import EmotionMonitorError
from core.wire.events import Adaptation, ModelStamp, TokenStep
from core.wire.values import Integer, Timestamp

if TYPE_CHECKING:
    from pydantic import TypeAdapter

MAX_JSON_BYTES = 1 << 20
"""Of a job without its sound, and of a result. An anchor of a large encoder has some 200 kB."""
MAX_SAMPLES = 60 * 16_000
"""Longest sound of a job; more is cut and counted as truncated, as in front of an inference process here."""

Codec: TypeAlias = Literal["pcm", "flac"]
Name: TypeAlias = Annotated[str, MaxLen(256)]
Probabilities: TypeAlias = tuple[float, float, float, float]
"""Of anger, happiness, sadness, neutral."""
Attempt: TypeAlias = Annotated[int, Ge(1), Le(1000)]

_LENIENT = {"allow_inf_nan": False, "use_attribute_docstrings": True}
_STRICT = {**_LENIENT, "extra": "forbid"}

_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_RUN = re.compile(r"[0-9a-z-]{1,64}")


class JobError(EmotionMonitorError):
    """A message that is no job, result or offer of a version that this program understands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorState:
    """What is known of the stream: see `core.anchor.Anchor`."""

    encoder: Name
    mean: str
    """float32, little-endian, in base64."""
    mass: float
    utterances: Integer
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMessage:
    """An utterance to be read. Its sound, one channel at 16 kHz, follows this object."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _STRICT

    id: str
    """A UUID, version 7: the same in every attempt. Results carry it."""
    attempt: Attempt
    """Counts from 1 how often it was asked."""
    run: str
    """Last level of the topic on which the result is awaited."""
    valid_s: Annotated[float, Ge(0), Le(3600)]
    """Seconds after which nobody waits any more, counted from when the job was sent: clocks need not agree."""
    sha256: Annotated[str, MaxLen(64)]
    """Of the samples as little-endian int16, whatever the codec."""
    samples: Annotated[int, Ge(0), Le(MAX_SAMPLES)]
    codec: Codec
    """`pcm`: little-endian int16; `flac`: the same samples as a FLAC file."""
    model: Annotated[str, MaxLen(64)]
    """Who may read it: see `model_identity`."""
    explain: bool = False
    """Whether the model is to write its answer out."""
    transcript: bool = False
    """Whether what was said may be told."""
    anchor: AnchorState | None = None
    schema: Literal["emotion-monitor/job/1"] = "emotion-monitor/job/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardFeatures:
    """What the stream's anchor is to be made of: see `core.anchor.Heard`."""

    encoder: Name
    features: str
    """float32, little-endian, in base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedAnswer:
    """How a reading came about: see the tokens event."""

    prompt: str
    answer: str | None
    steps: tuple[TokenStep, ...]
    readouts: dict[str, Probabilities | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUtterance:
    """What a model heard: see `core.model.Reading`."""

    distribution: Probabilities | None
    reason: str | None
    failed: bool
    transcript: str | None
    truncated_s: float
    features_ms: float
    llm_ms: float
    explanation: ExplainedAnswer | None
    batch: Integer | None
    heard: HeardFeatures | None
    adaptation: Adaptation | None
    prompt_spread: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultMessage:
    """What became of a job; at least once, so drop repeats by `id`."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _LENIENT

    id: str
    """That of the job."""
    attempt: Attempt
    """The attempt that is answered first; the result is good for all of them."""
    sha256: Annotated[str, MaxLen(64)]
    """That of the job: which sound was read."""
    worker: Name
    """Who read it."""
    model: ModelStamp | None
    """What read it; null if nothing did."""
    reading: ReadUtterance | None
    """Null: it was declined, and another worker may read it."""
    declined: str | None = None
    """Why, in a few words."""
    schema: Literal["emotion-monitor/result/1"] = "emotion-monitor/result/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A worker that takes jobs; retained while it does, cleared (empty) when it does not or is gone."""

    __pydantic_config__: ClassVar[dict[str, Any]] = _LENIENT

    worker: Name
    """Different for every run of a worker."""
    host: Name
    since: Timestamp
    model: ModelStamp
    identity: Annotated[str, MaxLen(64)]
    """The level of the topic on which it takes jobs: see `model_identity`."""
    device: Name
    window_s: float
    """Longest stretch of sound that the model hears."""
    capacity: Annotated[int, Ge(1), Le(4096)]
    """Utterances that it reads at once; it takes twice as many."""
    transcribes: bool | None = None
    """Whether it can tell what was said; null: not known."""
    read_s: Annotated[float, Ge(0), Le(3600)] | None = None
    """How long it takes for as many as it reads at once: 95 of its last 100 times; null: it has not read yet."""
    jobs: tuple[str, ...] = ("emotion-monitor/job/1",)
    """Schemas of the jobs that it understands."""
    schema: Literal["emotion-monitor/offer/1"] = "emotion-monitor/offer/1"


def model_identity(stamp: ModelStamp) -> str:
    """Twelve digits that are the same where a reading would be: of weights, prompt, read-out and calibration."""
    told = json.dumps([stamp.name, stamp.sha256, stamp.prompt, stamp.readout, stamp.calibration])
    return hashlib.sha256(told.encode()).hexdigest()[:12]


JOB_TYPES = (JobMessage, ResultMessage, Offer)

_Message = TypeVar("_Message", JobMessage, ResultMessage, Offer)


def decode_job(data: bytes) -> JobMessage:
    """The job in a JSON text.

    Raises:
        JobError: It is none, or has a field that this version does not know.
    """
    job = _decoded(JobMessage, _job_adapter(), data)
    if not _UUID.fullmatch(job.id) or not _RUN.fullmatch(job.run):
        msg = "not a valid job: id or run"
        raise JobError(msg)
    return job


def encode_offer(offer: Offer) -> bytes:
    """One offer as UTF-8 JSON."""
    return json.dumps(asdict(offer)).encode()


def decode_result(data: bytes) -> ResultMessage:
    """The result in a JSON text; unknown fields are ignored.

    Raises:
        JobError: It is none.
    """
    return _decoded(ResultMessage, _result_adapter(), data)


def decode_offer(data: bytes) -> Offer:
    """The offer in a JSON text; unknown fields are ignored.

    Raises:
        JobError: It is none.
    """
    return _decoded(Offer, _offer_adapter(), data)


def _decoded(kind: type[_Message], adapter: "TypeAdapter[_Message]", data: bytes) -> _Message:
    from pydantic import ValidationError

    name = str(kind.__dataclass_fields__["schema"].default).split("/")[1]
    if len(data) > MAX_JSON_BYTES:
        msg = f"not a valid {name}: {len(data)} bytes are too many"
        raise JobError(msg)
    try:
        return adapter.validate_json(data, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        msg = f"not a valid {name}: {where}: {first['msg']}" if where else f"not a valid {name}: {first['msg']}"
        raise JobError(msg) from error


@functools.cache
def _job_adapter() -> "TypeAdapter[JobMessage]":
    from pydantic import TypeAdapter

    return TypeAdapter(JobMessage)


@functools.cache
def _result_adapter() -> "TypeAdapter[ResultMessage]":
    from pydantic import TypeAdapter

    return TypeAdapter(ResultMessage)


@functools.cache
def _offer_adapter() -> "TypeAdapter[Offer]":
    from pydantic import TypeAdapter

    return TypeAdapter(Offer)
