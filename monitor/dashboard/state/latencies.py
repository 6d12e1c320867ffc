"""How long the last readings took, as a pure fold over utterance events."""

from dataclasses import dataclass, replace
from typing import Self

from core.wire.events import UtteranceEvent

KEPT = 200
"""Final readings that are looked back on, over all streams: as many as a health event's."""

LONGEST_MS = 1e9
"""Nobody waits longer; events from outside may say anything."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Where the time of one reading went, in milliseconds; `compute` is all but the pause and the queue."""

    pause_ms: float
    """Silence that was waited for before the utterance counted as over."""
    queue_ms: float
    compute_ms: float

    @property
    def total_ms(self) -> float:
        """From the last sound of the speech to the reading."""
        return self.pause_ms + self.queue_ms + self.compute_ms


@dataclass(frozen=True, slots=True)
class Latencies:
    """The waits for the last final readings, oldest first."""

    waits: tuple[Wait, ...] = ()

    def hear(self, event: UtteranceEvent) -> Self:
        """The waits after one more event; interim ones count for nothing."""
        spent = event.latency_ms
        numbers = (spent.hangover, spent.queue, spent.total)
        if not event.final or not all(abs(number) <= LONGEST_MS for number in numbers):
            return self
        compute_ms = max(spent.total - spent.hangover - spent.queue, 0.0)
        wait = Wait(max(spent.hangover, 0.0), max(spent.queue, 0.0), compute_ms)
        return replace(self, waits=(*self.waits, wait)[-KEPT:])
