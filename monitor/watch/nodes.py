"""What is known of the monitors behind a broker: messages go in, what the dashboard is to show comes out. No I/O."""

from dataclasses import dataclass, field, replace

from core.wire.events import Event, EventError, NoteEvent, StateEvent, decode
from core.wire.health import HealthEvent, SinkHealth, WorkerHealth
from core.wire.values import timestamp
from monitor.mqtt.messages import topic_level
from monitor.watch.afar import Origin, from_afar, node_of
from monitor.wire_time import epoch_s

PATIENCE_S = 3.0
"""What is retained on a broker is here well within this time after we subscribed."""
SKEW_S = 5.0
"""From here on it is said that a node's clock differs from ours."""
WORST_FIRST = ("failed", "stopped", "restarting", "starting", "busy", "ready")


@dataclass(slots=True)
class Node:
    """One monitor."""

    availability: str | None = None
    health: HealthEvent | None = None
    streams: set[str] = field(default_factory=set)
    """Those heard of, under their names here."""
    levels: dict[str, str] = field(default_factory=dict)
    """Level of the topics of a stream to the one of them that spoke there last."""
    behind_s: float = 0.0
    """How far its clock is behind ours."""

    @property
    def is_offline(self) -> bool:
        """Whether it says, or the broker says for it, that it is not there."""
        return self.availability == "offline"


@dataclass(slots=True)
class News:
    """What one message means for the screen, in this order."""

    events: list[Event] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    """Streams that their node does not have any more."""
    offline: set[str] = field(default_factory=set)
    """Streams whose node is offline."""
    expired: dict[str, str] = field(default_factory=dict)
    """Stream whose latest reading is worth nothing any more, and why."""
    health: bool = False
    """Whether the health of all together is another one."""


class Nodes:
    """All monitors below a base, or the one wanted.

    Args:
        base: First levels of the topics.
        wanted: Name of the only node to show; None: all.
    """

    def __init__(self, base: str, wanted: str | None) -> None:
        self.known: dict[str, Node] = {}
        self._base = base
        self._wanted = topic_level(wanted) if wanted else None
        self._valid_until: dict[str, float] = {}

    @property
    def shown(self) -> dict[str, Node]:
        """Those that are watched."""
        return {name: node for name, node in self.known.items() if self._wanted in {None, name}}

    def push(self, origin: Origin, payload: bytes, *, retained: bool, now: float) -> News:
        """Takes a message; `now` in seconds since the epoch."""
        if origin.kind == "availability":
            return self._hear_availability(origin.node, payload)
        if self._wanted not in {None, origin.node}:
            return News()
        if not payload:
            return self._hear_nothing(origin)
        try:
            event = from_afar(decode(payload), origin.node)
        except EventError:  # of another version, or somebody else's
            return News()
        node = self.known.setdefault(origin.node, Node())
        if isinstance(event, StateEvent) and origin.stream:
            node.levels[origin.stream] = event.stream
        news = self._hear_event(node, event, retained=retained, now=now)
        news.offline |= node.streams if node.is_offline else set()
        return news

    def expire(self, now: float) -> News:
        """What has become worthless since; `now` in seconds since the epoch."""
        over = [
            stream
            for stream, valid_until in self._valid_until.items()
            if valid_until <= now - self.known[node_of(stream)].behind_s
        ]
        for stream in over:
            del self._valid_until[stream]
        return News(expired=dict.fromkeys(over, "the last one is no longer valid"))

    def health(self, link: SinkHealth, now: float) -> HealthEvent:
        """The health of all watched nodes that are there together, with our own connection in place of theirs."""
        nodes = {name: node for name, node in self.shown.items() if node.health and not node.is_offline}
        healths = [node.health for node in nodes.values() if node.health]
        if not healths:
            return _nobody(link, now)
        waiting = [sink for health in healths for sink in health.sinks if sink.name == "mqtt"]
        ours = replace(link, queued=sum(s.queued for s in waiting), dropped=sum(s.dropped for s in waiting))
        if len(healths) == 1:
            only = healths[0]
            return replace(only, sinks=(ours, *(sink for sink in only.sinks if sink.name != "mqtt")))
        others = tuple(
            replace(sink, name=f"{name} {sink.name}")
            for name, node in nodes.items()
            for sink in (node.health.sinks if node.health else ())
            if sink.name not in {"mqtt", "dashboard"}
        )
        return HealthEvent(
            node=", ".join(nodes),
            at=max(health.at for health in healths),
            uptime_s=min(health.uptime_s for health in healths),
            streams=tuple(stream for health in healths for stream in health.streams),
            worker=_together([health.worker for health in healths]),
            sinks=(ours, *others),
            latency_p50_ms=_worst([health.latency_p50_ms for health in healths]),
            latency_p95_ms=_worst([health.latency_p95_ms for health in healths]),
            latency_p99_ms=_worst([health.latency_p99_ms for health in healths]),
            hangover_p50_ms=_worst([health.hangover_p50_ms for health in healths]),
        )

    def remark(self, where: str, *, connected_s: float) -> str:
        """What is wrong with the nodes, in one line; empty: nothing.

        Args:
            where: The broker, for people.
            connected_s: How long we have been connected.
        """
        shown = self.shown
        if not shown and connected_s >= PATIENCE_S:
            there = ", ".join(sorted(self.known)) or "none"
            if self._wanted:
                return f"There is no node {self._wanted}; there are: {there} ({where}, below {self._base}/)"
            return f"There is no monitor yet ({where}, below {self._base}/)"
        away = [name for name, node in shown.items() if node.is_offline]
        if away:
            verb = "is" if len(away) == 1 else "are"
            return f"{', '.join(away)} {verb} offline: what is shown is from before."
        late = next((name for name, node in shown.items() if abs(node.behind_s) >= SKEW_S), None)
        if late:
            behind_s = shown[late].behind_s
            return f"The clock of {late} is {abs(behind_s):.0f} s {'behind' if behind_s > 0 else 'ahead of'} ours."
        return ""

    def _hear_availability(self, name: str, payload: bytes) -> News:
        if not payload:  # somebody has removed the node from the broker
            return self._forget(name)
        node = self.known.setdefault(name, Node())
        node.availability = payload.decode(errors="replace")[:20]
        if self._wanted not in {None, name}:
            return News()
        return News(offline=set(node.streams) if node.is_offline else set(), health=True)

    def _forget(self, name: str) -> News:
        removed = self.known.pop(name, None)
        if removed is None:
            return News()
        for stream in removed.streams:
            self._valid_until.pop(stream, None)
        return News(gone=removed.streams, health=True)

    def _hear_event(self, node: Node, event: Event, *, retained: bool, now: float) -> News:
        if isinstance(event, HealthEvent):
            return self._hear_health(node, event, retained=retained, now=now)
        if isinstance(event, StateEvent):
            return self._hear_state(node, event, now=now)
        if not isinstance(event, NoteEvent) and event.stream:
            node.streams.add(event.stream)
        return News(events=[event])

    def _hear_health(self, node: Node, event: HealthEvent, *, retained: bool, now: float) -> News:
        node.health = event
        at = epoch_s(event.at)
        if not retained and at is not None:
            node.behind_s = now - at
        streams = {stream.stream for stream in event.streams}
        gone, node.streams = node.streams - streams, streams
        for stream in gone:
            self._valid_until.pop(stream, None)
        return News(gone=gone, health=True)

    def _hear_state(self, node: Node, event: StateEvent, *, now: float) -> News:
        node.streams.add(event.stream)
        valid_until = epoch_s(event.valid_until)
        if valid_until is not None:
            self._valid_until[event.stream] = valid_until
        news = self.expire(now)
        news.events.append(event)
        return news

    def _hear_nothing(self, origin: Origin) -> News:
        """An empty message takes the place of a state that is void or withdrawn."""
        if origin.kind != "state":
            return News()
        node = self.known.get(origin.node, Node())
        stream = node.levels.pop(origin.stream or "", None)
        if stream not in node.streams:
            return News()
        self._valid_until.pop(stream, None)
        return News(expired={stream: "the last one was withdrawn"})


def _nobody(link: SinkHealth, now: float) -> HealthEvent:
    """Our own connection, and a model without a name: there is none to be well or not."""
    worker = WorkerHealth(state="starting", model="", device="auto", generation=1, queued=0, rss_mb=0.0)
    return HealthEvent(
        node="",
        at=timestamp(now),
        uptime_s=0.0,
        streams=(),
        worker=worker,
        sinks=(link,),
        latency_p50_ms=None,
        latency_p95_ms=None,
    )


def _together(workers: list[WorkerHealth]) -> WorkerHealth:
    models = sorted({worker.model for worker in workers})
    return WorkerHealth(
        state=min((worker.state for worker in workers), key=WORST_FIRST.index),
        model=models[0] if len(models) == 1 else f"{len(models)} models",
        device=workers[0].device if len({worker.device for worker in workers}) == 1 else "auto",
        generation=1 + sum(max(worker.generation - 1, 0) for worker in workers),
        queued=sum(worker.queued for worker in workers),
        rss_mb=sum(worker.rss_mb for worker in workers),
    )


def _worst(values: list[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
