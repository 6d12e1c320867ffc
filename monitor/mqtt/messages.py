"""What is said on which topic: events and availability as MQTT messages. No I/O."""

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.errors import UsageError
from core.wire.claim import Claim, encode_claim
from core.wire.commands import Answer, encode_answer
from core.wire.events import (
    Availability,
    DropEvent,
    ErrorEvent,
    Event,
    LevelEvent,
    NoteEvent,
    StateEvent,
    TokensEvent,
    UtteranceEvent,
    encode,
)
from core.wire.health import HealthEvent

ANSWER_EXPIRY_S = 60
CLAIM_EXPIRY_S = 10
EVENT_EXPIRY_S = 3600
"""So long an utterance, drop, error or note event is worth being delivered, by us or by the broker."""
TOKENS_EXPIRY_S = 60
LEVEL_EXPIRY_S = 2

_UNFIT_FOR_A_LEVEL = re.compile(r"[+#/\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_UNFIT_FOR_A_BASE = re.compile(r"[+#\x00-\x1f\x7f-\x9f\ud800-\udfff]|^\$|^/|/$|//")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One publication. QoS 1, or 0 for what is said to a broker that is there now, and otherwise never.

    A retained message replaces the one before it on its topic. A message is void after `valid_until` (seconds, on the
    clock of `monitor.clock.steady_s`) or, where that is not set, `expiry_s` after it comes to wait for the broker.
    `schema` and `model` become MQTT 5 user properties, `correlation` its correlation data. `binary`: it is no text.
    """

    topic: str
    payload: bytes
    retain: bool = False
    qos: Literal[0, 1] = 1
    schema: str | None = None
    model: str | None = None
    expiry_s: float | None = None
    valid_until: float | None = None
    correlation: bytes | None = None
    binary: bool = False

    @property
    def content_type(self) -> str:
        """Of the payload: JSON, plain text, or neither."""
        if self.binary:
            return "application/octet-stream"
        return "application/json" if self.payload.startswith(b"{") else "text/plain"

    @property
    def size(self) -> int:
        """Bytes of topic and payload, which are nearly all of its packet."""
        return len(self.topic.encode(errors="replace")) + len(self.payload)

    def remaining_s(self, now: float) -> int | None:
        """Message expiry interval, in whole seconds, if it is published `now`; None for ever, 0 when it is void."""
        if self.valid_until is None:
            return None if self.expiry_s is None else math.ceil(self.expiry_s)
        return max(0, math.ceil(self.valid_until - now))


class Topics:
    """The topics of one node.

    Args:
        base: First level or levels, `emotion` or `home/emotion`.
        node: Name of the node; what a level cannot hold becomes `_`.

    Raises:
        UsageError: `base` has wildcards, empty levels or a leading `$`.
    """

    def __init__(self, base: str, node: str) -> None:
        if not base or _UNFIT_FOR_A_BASE.search(base):
            msg = f"mqtt.base = {base!r}: a topic without +, #, empty levels, control characters or a leading $"
            raise UsageError(msg, hint="for example emotion or home/emotion")
        self.everything = f"{base}/#"
        self._root = f"{base}/{topic_level(node)}"
        self.availability = f"{self._root}/availability"
        self.health = f"{self._root}/health"
        self.error = f"{self._root}/error"
        self.note = f"{self._root}/note"
        self.command = f"{self._root}/cmd"
        self.answer = f"{self._root}/answer"
        self.claim = f"{self._root}/claim"
        self.state_of_any_stream = f"{self._root}/+/state"

    def utterance(self, level: str) -> str:
        """Readings of finished utterances of a stream."""
        return f"{self._root}/{topic_level(level)}/utterance"

    def state(self, level: str) -> str:
        """Latest reading of a stream."""
        return f"{self._root}/{topic_level(level)}/state"

    def tokens(self, level: str) -> str:
        """How the readings of a stream came about."""
        return f"{self._root}/{topic_level(level)}/tokens"

    def level(self, level: str) -> str:
        """What a stream hears right now."""
        return f"{self._root}/{topic_level(level)}/level"


def topic_level(name: str) -> str:
    """`name` as one topic level: wildcards, slashes and control characters become `_`."""
    return _UNFIT_FOR_A_LEVEL.sub("_", name) or "_"


def level_of(event: UtteranceEvent | StateEvent | LevelEvent | TokensEvent) -> str:
    """What tells the topics of a stream from those of others: its source's name, the same in every run, or its id."""
    return event.name or event.stream


def message_of(
    event: Event, topics: Topics, *, expiry_s: int = EVENT_EXPIRY_S, details: bool = False
) -> Message | None:
    """The publication of an event; None for what is not published: interim readings and, without `details`, more."""
    match event:
        case UtteranceEvent(final=False):
            return None
        case LevelEvent() | TokensEvent():
            return _detail(event, topics, expiry_s) if details else None
        case UtteranceEvent():
            topic = topics.utterance(level_of(event))
            model = event.model.name
            return Message(topic=topic, payload=encode(event), schema=event.schema, model=model, expiry_s=expiry_s)
        case StateEvent():
            valid_for = datetime.fromisoformat(event.valid_until) - datetime.fromisoformat(event.at)
            return Message(
                topic=topics.state(level_of(event)),
                payload=encode(event),
                retain=True,
                schema=event.schema,
                expiry_s=max(0.0, valid_for.total_seconds()),
            )
        case HealthEvent():
            return Message(
                topic=topics.health,
                payload=encode(event),
                retain=True,
                schema=event.schema,
                model=event.worker.model,
            )
        case NoteEvent() | DropEvent() | ErrorEvent():
            topic = topics.note if isinstance(event, NoteEvent) else topics.error
            return Message(topic=topic, payload=encode(event), schema=event.schema, expiry_s=expiry_s)


def _detail(event: LevelEvent | TokensEvent, topics: Topics, expiry_s: int) -> Message:
    """What is worth little soon after."""
    if isinstance(event, LevelEvent):
        topic = topics.level(level_of(event))
        return Message(topic=topic, payload=encode(event), qos=0, schema=event.schema, expiry_s=LEVEL_EXPIRY_S)
    topic, shortest_s = topics.tokens(level_of(event)), min(TOKENS_EXPIRY_S, expiry_s)
    return Message(topic=topic, payload=encode(event), schema=event.schema, expiry_s=shortest_s)


def answer_message(answer: Answer, topic: str, *, correlation: bytes | None = None) -> Message:
    """The answer to a command, for whoever waits for it now."""
    return Message(
        topic=topic,
        payload=encode_answer(answer),
        schema=answer.schema,
        expiry_s=ANSWER_EXPIRY_S,
        correlation=correlation,
    )


def claim_message(claim: Claim, topics: Topics) -> Message:
    """For another monitor of this node, if there is one now."""
    return Message(topic=topics.claim, payload=encode_claim(claim), schema=claim.schema, expiry_s=CLAIM_EXPIRY_S)


def availability_message(availability: Availability, topics: Topics) -> Message:
    """Retained plain text; `offline` is also the last will."""
    return Message(topic=topics.availability, payload=availability.encode(), retain=True)


def availability_of(health: HealthEvent, *, without: str) -> Availability:
    """`degraded` when a part of the node has failed or is being started again, else `online`.

    The sink named `without` does not count: it is the one that says so.
    """
    worker_fails = health.worker.state in {"restarting", "failed"}
    stream_fails = any(stream.state == "failed" for stream in health.streams)
    sink_fails = any(sink.state == "degraded" and sink.name != without for sink in health.sinks)
    return "degraded" if worker_fails or stream_fails or sink_fails else "online"
