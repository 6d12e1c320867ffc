"""What a session was, from its events: what is exported, and where each moment lies in time."""

from dataclasses import dataclass
from typing import TypeAlias

from core.wire.events import DropEvent, ErrorEvent, Event, NoteEvent, UtteranceEvent, encode
from core.wire.health import HealthEvent
from core.wire.values import Timestamp
from monitor.label import labelled
from monitor.wire_time import epoch_s

Kept: TypeAlias = UtteranceEvent | NoteEvent | DropEvent | ErrorEvent
"""What is exported; of utterances the final readings."""

LONGEST_S = 1e9
"""No stream is older than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time, in seconds since the epoch."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The events of one session, each kind in order of time."""

    utterances: tuple[UtteranceEvent, ...] = ()
    """Final readings only."""
    notes: tuple[NoteEvent, ...] = ()
    drops: tuple[DropEvent, ...] = ()
    errors: tuple[ErrorEvent, ...] = ()
    health: HealthEvent | None = None
    """The latest."""
    forgotten: int = 0
    """Older events that are missing because there were too many to keep."""
    skipped: int = 0
    """What could not be read: lines that are no event, and events whose numbers or times cannot be."""

    @property
    def events(self) -> list[Event]:
        """All of them, in order of time, and the latest health last."""
        moments: list[tuple[float, Event]] = [(_moment_s(event), event) for event in self.kept]
        moments.sort(key=lambda moment: moment[0])
        return [event for _, event in moments] + ([self.health] if self.health else [])

    @property
    def kept(self) -> tuple[Kept, ...]:
        """All but health, kind after kind."""
        return (*self.utterances, *self.notes, *self.drops, *self.errors)

    @property
    def sources(self) -> dict[str, str]:
        """Stream to what its source is called, in order of appearance."""
        known = {utterance.stream: labelled(utterance.source, utterance.name) for utterance in self.utterances}
        known |= {drop.stream: labelled(drop.source, drop.name) for drop in self.drops}
        for stream in self.health.streams if self.health else ():
            known.setdefault(stream.stream, labelled(stream.source, stream.name))
        return known

    @property
    def zeros_s(self) -> dict[str, float]:
        """Stream to the second since the epoch at which its own clock began, where it is known."""
        zeros = {drop.stream: _known_s(drop.at) - drop.end_s for drop in reversed(self.drops)}
        return zeros | {one.stream: _known_s(one.started_at) - one.start_s for one in reversed(self.utterances)}

    @property
    def span(self) -> Span | None:
        """From when the first stream began to the last that is known; None: nothing is."""
        moments = [_moment_s(event) for event in self.kept]
        moments += [spoken(utterance).end_s for utterance in self.utterances]
        if self.health:
            moments.append(_known_s(self.health.at))
        starts = list(self.zeros_s.values()) or moments
        return Span(start_s=min(starts), end_s=max(starts + moments)) if starts else None


class Spool:
    """Keeps of a stream of events what an export needs, the newest `limit` of it.

    An event that comes again, after a seek in a replay or from a broker, is kept once.
    """

    def __init__(self, *, limit: int | None = 20_000) -> None:
        self._limit = limit
        self._kept: dict[object, Kept] = {}
        self._health: HealthEvent | None = None
        self._forgotten = 0
        self._skipped = 0

    def push(self, event: Event) -> None:
        """Takes any event; keeps those that an export needs."""
        if isinstance(event, HealthEvent):
            if _possible(event):
                self._health = event
            return
        if not isinstance(event, Kept) or (isinstance(event, UtteranceEvent) and not event.final):
            return
        key = _key(event)
        if not _possible(event):
            self._skipped += 1
            return
        self._kept[key] = event
        if self._limit is not None and len(self._kept) > self._limit:
            del self._kept[next(iter(self._kept))]
            self._forgotten += 1

    def session(self, *, skipped: int = 0) -> Session:
        """The session so far; `skipped` is what did not even become an event."""
        kept = sorted(self._kept.values(), key=_moment_s)
        return Session(
            utterances=tuple(event for event in kept if isinstance(event, UtteranceEvent)),
            notes=tuple(event for event in kept if isinstance(event, NoteEvent)),
            drops=tuple(event for event in kept if isinstance(event, DropEvent)),
            errors=tuple(event for event in kept if isinstance(event, ErrorEvent)),
            health=self._health,
            forgotten=self._forgotten,
            skipped=self._skipped + skipped,
        )


def spoken(utterance: UtteranceEvent) -> Span:
    """When an utterance was spoken."""
    start_s = _known_s(utterance.started_at)
    return Span(start_s=start_s, end_s=start_s + utterance.end_s - utterance.start_s)


def _known_s(at: Timestamp) -> float:
    return epoch_s(at) or 0.0


def _moment_s(event: Kept) -> float:
    return _known_s(event.started_at if isinstance(event, UtteranceEvent) else event.at)


def _key(event: Kept) -> object:
    match event:
        case UtteranceEvent() | NoteEvent():
            return event.id
        case DropEvent():
            return (event.stream, event.reason, event.start_s, event.end_s)
        case ErrorEvent():
            return (event.at, event.where, event.message)


def _possible(event: Kept | HealthEvent) -> bool:
    """Whether numbers and times can be; events from outside may hold anything."""
    match event:
        case UtteranceEvent():
            at, seconds = event.started_at, [event.start_s, event.end_s]
        case DropEvent():
            at, seconds = event.at, [event.start_s, event.end_s]
        case NoteEvent():
            at, seconds = event.at, list(event.positions_s.values())
        case ErrorEvent() | HealthEvent():
            at, seconds = event.at, []
    if epoch_s(at) is None or any(not abs(second) <= LONGEST_S for second in seconds):
        return False
    try:
        encode(event)
    except ValueError:  # a number that is none
        return False
    return True
