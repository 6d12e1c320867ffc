"""What one stream has heard so far, as a pure fold over its events: what the timeline draws.

It keeps spans, never levels, so that an hour costs what was said in it and not how often the level was reported. All
times are seconds of the stream's own sample clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self, TypeVar

from core.wire.events import DropEvent, LevelEvent, UtteranceEvent

READING_LIMIT = 1000
"""Readings kept of a stream: more than an hour of lively talk; older ones are forgotten."""
SPEECH_LIMIT = 1000
"""Stretches of speech kept, read or not."""
LOSS_LIMIT = 300
NOTE_LIMIT = 200
LEVEL_GAP_S = 1.5
"""Speech on both sides of a longer time without levels is not one stretch."""
LONGEST_S = 1e9
"""No stream is older than this; events that say so are passed over."""
TOUCHING_S = 0.1
"""Losses for one reason that are this close are one."""

_Kept = TypeVar("_Kept")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of sound; `reason` is why it got no reading, empty for speech."""

    start_s: float
    end_s: float
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment that someone marked."""

    at_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One stream from old to new. Readings do not overlap; an interim one stands until its final one comes."""

    readings: tuple[UtteranceEvent, ...] = ()
    speech: tuple[Stretch, ...] = ()
    """Stretches that are over; the utterances in `readings` are speech as well."""
    speaking: Stretch | None = None
    """The stretch that goes on."""
    losses: tuple[Stretch, ...] = ()
    notes: tuple[Mark, ...] = ()
    now_s: float = 0.0
    """The latest moment heard of."""
    zero_at: float | None = None
    """Seconds since the epoch at the stream's second 0; None until an utterance tells."""

    def hear_level(self, event: LevelEvent) -> Self:
        """The past after one more level: speech begins, goes on or ends."""
        if not possible(event.at_s):
            return self
        going, over = self.speaking, self.speech
        if going and (not event.speaking or not 0 <= event.at_s - going.end_s <= LEVEL_GAP_S):
            over = _newest(over, going, SPEECH_LIMIT)
            going = None
        if event.speaking:
            going = replace(going, end_s=event.at_s) if going else Stretch(start_s=event.at_s, end_s=event.at_s)
        return replace(self, speaking=going, speech=over, now_s=event.at_s)

    def hear_utterance(self, event: UtteranceEvent) -> Self:
        """The past after a reading; it takes the place of an earlier one of the same utterance."""
        if not possible(event.start_s, event.end_s):
            return self
        past = replace(self, now_s=max(self.now_s, event.end_s), zero_at=_zero_at(event, self.zero_at))
        for index in range(len(self.readings) - 1, -1, -1):
            known = self.readings[index]
            if known.utterance == event.utterance:
                if known.final and not event.final:
                    return self
                return replace(past, readings=(*self.readings[:index], event, *self.readings[index + 1 :]))
        readings = _newest(self.readings, event, READING_LIMIT)
        return replace(past, readings=_in_order(readings, lambda reading: reading.start_s))

    def hear_drop(self, event: DropEvent) -> Self:
        """The past after sound that will get no reading."""
        if not possible(event.start_s, event.end_s):
            return self
        lost = Stretch(start_s=event.start_s, end_s=max(event.end_s, event.start_s), reason=event.reason)
        before, last = self.losses, self.losses[-1] if self.losses else None
        if last and last.reason == lost.reason and 0 <= lost.start_s - last.end_s <= TOUCHING_S:
            before, lost = before[:-1], replace(last, end_s=lost.end_s)
        losses = _in_order(_newest(before, lost, LOSS_LIMIT), lambda loss: loss.start_s)
        return replace(self, losses=losses, now_s=max(self.now_s, lost.end_s))

    def mark(self, at_s: float, text: str) -> Self:
        """The past with a note at a moment."""
        if not possible(at_s):
            return self
        return replace(self, notes=_newest(self.notes, Mark(at_s=at_s, text=text), NOTE_LIMIT))

    def reading(self, utterance: int | None) -> UtteranceEvent | None:
        """The reading of an utterance, if it is still known."""
        return next((reading for reading in reversed(self.readings) if reading.utterance == utterance), None)

    def at(self, second_s: float, within_s: float = 0.0) -> UtteranceEvent | None:
        """The reading of the utterance that was spoken then, or within so many seconds after."""
        touching = (
            reading
            for reading in reversed(self.readings)
            if reading.start_s < second_s + within_s and reading.end_s >= second_s
        )
        return next(touching, None)


def possible(*seconds: float) -> bool:
    """Whether these can be places in a stream; events from outside may hold anything, NaN too."""
    return all(abs(second) <= LONGEST_S for second in seconds)


def _newest(kept: tuple[_Kept, ...], new: _Kept, limit: int) -> tuple[_Kept, ...]:
    return (*kept[-(limit - 1) :], new)


def _in_order(kept: tuple[_Kept, ...], start_s: Callable[[_Kept], float]) -> tuple[_Kept, ...]:
    """Sorted by start; the newest is nearly always where it belongs."""
    late = len(kept) > 1 and start_s(kept[-1]) < start_s(kept[-2])
    return tuple(sorted(kept, key=start_s)) if late else kept


def _zero_at(event: UtteranceEvent, known: float | None) -> float | None:
    try:
        return datetime.fromisoformat(event.started_at).timestamp() - event.start_s
    except (ValueError, OverflowError):
        return known
