"""When the events of a file happened, as a pure fold: from times of day to a position that only grows."""

import math
from dataclasses import dataclass, replace
from typing import Self

from core.wire.events import DropEvent, Event, LevelEvent, TokensEvent, UtteranceEvent
from monitor.wire_time import epoch_s

LONGEST_S = 1e9
"""No stream is older than this."""
LONGEST_GAP_S = 600.0
"""Nothing for longer than this, such as a night between two runs in one file, counts as this long."""
SET_BACK_S = 60.0
"""A time so far before the latest means that the clock was set back; less is a message that was late."""


def is_possible(event: Event) -> bool:
    """Whether what an event says of its sound's times can be true of any stream: files may say anything."""
    match event:
        case UtteranceEvent():
            seconds: tuple[float, ...] = (event.start_s, event.end_s, event.latency_ms.total / 1000)
            return event.start_s <= event.end_s and all(abs(second) <= LONGEST_S for second in seconds)
        case DropEvent():
            return -LONGEST_S <= event.start_s <= event.end_s <= LONGEST_S
        case LevelEvent():
            return abs(event.at_s) <= LONGEST_S
    return True


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the latest event is: `position_s` after the first one. Never before the event ahead of it in the file."""

    position_s: float = 0.0
    latest_at: float | None = None
    """Its time of day, seconds since the epoch; None until an event tells."""
    zeros: tuple[tuple[str, float], ...] = ()
    """Stream to the time of day at its second 0, for the streams whose utterances told."""

    def push(self, event: Event, received_at: float | None) -> Self:
        """The timing after one more event; `received_at` as the line has it, else it is estimated."""
        timing = self._anchored(event) if isinstance(event, UtteranceEvent) and received_at is None else self
        at = timing._estimate(event) if received_at is None else received_at  # noqa: SLF001 - same class
        if at is None:
            return timing
        if timing.latest_at is None:
            return replace(timing, latest_at=at)
        step_s = at - timing.latest_at
        if step_s <= 0:
            return replace(timing, latest_at=at) if step_s < -SET_BACK_S else timing
        return replace(timing, position_s=timing.position_s + min(step_s, LONGEST_GAP_S), latest_at=at)

    def _anchored(self, event: UtteranceEvent) -> Self:
        started_at = epoch_s(event.started_at)
        if started_at is None or not math.isfinite(event.start_s):
            return self
        others = tuple(zero for zero in self.zeros if zero[0] != event.stream)
        return replace(self, zeros=(*others[-31:], (event.stream, started_at - event.start_s)))

    def _estimate(self, event: Event) -> float | None:
        match event:
            case UtteranceEvent():
                started_at = epoch_s(event.started_at)
                spoken_s = event.end_s - event.start_s + event.latency_ms.total / 1000
                at = None if started_at is None else started_at + max(spoken_s, 0.0)
            case LevelEvent():
                zero_at = next((zero for stream, zero in self.zeros if stream == event.stream), None)
                at = None if zero_at is None else zero_at + event.at_s
            case TokensEvent():
                at = None
            case _:
                at = epoch_s(event.at)
        return at if at is not None and math.isfinite(at) else None
