"""Who asks owns: a segment is kept until its result is here or its time is over, and asked again meanwhile.

Pure: no clock, no I/O. A broker is a router and forgets what a worker held that died, so nothing is left to it.
owned = answered + refused + expired + held, always.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from monitor.jobs.envelope import Result, Segment

ATTEMPTS = 3
UNHEARD_S = 0.5
TAKEN_IN = 3
"""Times that a worker may have to read until all it takes in (twice what it reads at once) is answered."""
REMEMBERED = 1024
"""Segments that are over and whose results may still come: those are told from strangers."""

Fate = Literal["answered", "refused", "expired"]


@dataclass(frozen=True, slots=True)
class Send:
    """A job to send now."""

    segment: Segment
    attempt: int
    valid_s: float


@dataclass(frozen=True, slots=True)
class Settled:
    """A segment that is over; `result` if it was answered, else why not."""

    id: str
    result: Result | None = None
    reason: str | None = None


@dataclass(slots=True)
class Counts:
    """What became of segments, and of what came for them."""

    owned: int = 0
    sent: int = 0
    """Attempts, first ones included."""
    resent: int = 0
    answered: int = 0
    refused: int = 0
    """The broker would not take them."""
    expired: int = 0
    declined: int = 0
    """Answers by which a worker passed a job on."""
    duplicates: int = 0
    """Results of what was answered already."""
    late: int = 0
    """Results of what had expired."""
    strangers: int = 0
    """Results of what we never asked, or about another sound."""


@dataclass(slots=True)
class _Held:
    segment: Segment
    expires_s: float
    due_s: float
    attempt: int = 0
    why: str | None = None  # a worker has declined it


class Ownership:
    """Segments that are not answered yet.

    An attempt is made when the segment is due: at first, when an attempt has not been answered in its time, when a
    worker has declined, and on a new connection, since what was on its way on the old one may be lost. After ATTEMPTS
    it is only waited for. Each attempt is given twice the time of the one before: where workers are merely behind,
    asking again and again would put them further behind. For the same reason the first is given what workers need for
    all that they take in, but no more than leaves as much for another.

    Args:
        resend_s: Time that the first attempt is given at least.
        attempts: Most attempts.
    """

    def __init__(self, *, resend_s: float, attempts: int = ATTEMPTS) -> None:
        self.counts = Counts()
        self._resend_s = resend_s
        self._attempts = attempts
        self._held: dict[str, _Held] = {}
        self._over: OrderedDict[str, Fate] = OrderedDict()

    def __len__(self) -> int:
        """Segments that are held."""
        return len(self._held)

    def own(self, segment: Segment, now: float, *, valid_s: float) -> None:
        """From now on it is kept, until it is answered or `valid_s` are over."""
        self.counts.owned += 1
        self._held[segment.id] = _Held(segment, expires_s=now + valid_s, due_s=now)

    def send(self, now: float, *, read_s: float = 0.0) -> list[Send]:
        """What is to be sent now, on a connection that lives, to a worker that is there; `read_s`: see `Offer`."""
        sends = []
        for held in self._held.values():
            if held.attempt < self._attempts and held.due_s <= now < held.expires_s:
                held.attempt += 1
                first_s = max(self._resend_s, min(TAKEN_IN * read_s, (held.expires_s - now) / 2))
                held.due_s = now + first_s * 2 ** (held.attempt - 1)
                self.counts.sent += 1
                self.counts.resent += held.attempt > 1
                sends.append(Send(held.segment, held.attempt, held.expires_s - now))
        return sends

    def expire(self, now: float) -> list[Settled]:
        """What nobody waits for any more."""
        gone = [held for held in self._held.values() if held.expires_s <= now]
        return [self._settle(held, "expired", reason=_why(held)) for held in gone]

    def take(self, result: Result, now: float) -> Settled | None:
        """A result came; what it settles, unless it is a repetition, late or strange."""
        held = self._held.get(result.id)
        if held is None:
            match self._over.get(result.id):
                case None:
                    self.counts.strangers += 1
                case "answered":
                    self.counts.duplicates += 1
                case _:
                    self.counts.late += 1
            return None
        if result.sha256 != held.segment.sha256:
            self.counts.strangers += 1
            return None
        if result.reading is None:
            self.counts.declined += 1
            held.why = result.declined
            held.due_s = min(held.due_s, now)
            return None
        return self._settle(held, "answered", result=result)

    def refuse(self, segment_id: str, reason: str) -> Settled | None:
        """The broker takes no job like this one, now or ever."""
        held = self._held.get(segment_id)
        return self._settle(held, "refused", reason=reason) if held else None

    def unheard(self, segment_id: str, now: float) -> None:
        """It was not sent, or the broker says that nobody takes it: that was no attempt; soon somebody may be there."""
        held = self._held.get(segment_id)
        if held is not None and held.attempt:
            held.attempt -= 1
            held.due_s = now + UNHEARD_S

    def reconnect(self, now: float) -> None:
        """What was on its way on the old connection may be lost."""
        for held in self._held.values():
            held.due_s = min(held.due_s, now)

    def give_up(self, segment_id: str) -> None:
        """Nobody wants to know any more."""
        if held := self._held.get(segment_id):
            self._settle(held, "expired")

    def give_all_up(self, reason: str) -> list[Settled]:
        """Of everything that is held, nobody will know."""
        return [self._settle(held, "expired", reason=reason) for held in list(self._held.values())]

    def wake_s(self, *, sending: bool) -> float | None:
        """When there is something to do next: to expire, or to send where that is possible; None: never."""
        times = [held.expires_s for held in self._held.values()]
        if sending:
            times += [held.due_s for held in self._held.values() if held.attempt < self._attempts]
        return min(times, default=None)

    def _settle(self, held: _Held, fate: Fate, *, result: Result | None = None, reason: str | None = None) -> Settled:
        del self._held[held.segment.id]
        self._over[held.segment.id] = fate
        if len(self._over) > REMEMBERED:
            self._over.popitem(last=False)
        setattr(self.counts, fate, getattr(self.counts, fate) + 1)
        return Settled(held.segment.id, result, reason)


def _why(held: _Held) -> str:
    if held.why:
        return f"no worker read it in time: {held.why}"
    if not held.attempt:
        return "no worker in time"
    return f"no answer in time, asked {held.attempt} time{'s' if held.attempt > 1 else ''}"
