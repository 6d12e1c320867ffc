"""Where messages of monitors elsewhere come from, and their events with the node's name in them. No I/O."""

from dataclasses import dataclass, replace
from typing import TypeVar

from core.wire.events import (
    DropEvent,
    ErrorEvent,
    Event,
    LevelEvent,
    NoteEvent,
    StateEvent,
    TokensEvent,
    UtteranceEvent,
)
from core.wire.health import HealthEvent, StreamHealth
from monitor.mqtt.messages import topic_level

T = TypeVar("T", bound=UtteranceEvent | StateEvent | LevelEvent | DropEvent | TokensEvent | StreamHealth)

OF_A_NODE = ("availability", "health", "error", "note")
OF_A_STREAM = ("utterance", "state", "level", "tokens")


@dataclass(frozen=True, slots=True)
class Origin:
    """What a topic names."""

    node: str
    kind: str
    """The last level: availability, health, utterance, ..., or answer."""
    stream: str | None = None


def origin(topic: str, base: str) -> Origin | None:
    """What a topic below a base names; None if that is nothing we know."""
    match topic.removeprefix(f"{base}/").split("/") if topic.startswith(f"{base}/") else ():
        case [node, kind] if kind in OF_A_NODE:
            return Origin(node, kind)
        case [node, "answer", _]:
            return Origin(node, "answer")
        case [node, stream, kind] if kind in OF_A_STREAM:
            return Origin(node, kind, stream)
    return None


def filters(base: str, node: str | None, client: str) -> list[str]:
    """What to subscribe to for one node, or all of them; availability of all, to be able to say which there are.

    Args:
        base: First levels.
        node: Its name; None: all.
        client: The last level of the topic on which we want answers.
    """
    level = topic_level(node) if node else "+"
    of_nodes = [f"{base}/{level}/{kind}" for kind in OF_A_NODE if kind != "availability"]
    of_streams = [f"{base}/{level}/+/{kind}" for kind in OF_A_STREAM]
    return [f"{base}/+/availability", *of_nodes, *of_streams, answer_topic(base, level, client)]


def answer_topic(base: str, node_level: str, client: str) -> str:
    """Where a node may answer us."""
    return f"{base}/{node_level}/answer/{client}"


def command_topic(base: str, node_level: str) -> str:
    """Where a node takes commands."""
    return f"{base}/{node_level}/cmd"


def stream_of(node: str, stream: str) -> str:
    """A stream's name among those of other nodes."""
    return f"{node}/{stream}"


def node_of(stream: str) -> str:
    """The node in such a name."""
    return stream.partition("/")[0]


def from_afar(event: Event, node: str) -> Event:
    """The event with the node's name in its streams and sources."""
    match event:
        case HealthEvent():
            return replace(event, streams=tuple(_named(stream, node) for stream in event.streams))
        case NoteEvent():
            positions_s = {stream_of(node, stream): at_s for stream, at_s in event.positions_s.items()}
            return replace(event, positions_s=positions_s)
        case ErrorEvent():
            stream = stream_of(node, event.stream) if event.stream else None
            return replace(event, stream=stream, message=f"{node}: {event.message}")
        case UtteranceEvent() | StateEvent() | LevelEvent() | DropEvent() | TokensEvent():
            return _named(event, node)


def _named(of: T, node: str) -> T:
    name = f"{node} · {of.name}" if of.name else None
    return replace(of, stream=stream_of(node, of.stream), source=f"{node} · {of.source}", name=name)
