"""Plays timed events: a clock goes in, events that are due come out. No clock of its own, no I/O."""

import math
from collections.abc import Iterator
from typing import Generic, TypeVar

SLOWEST, FASTEST = 0.25, 64.0
"""How much faster than real time it can play."""

_Event = TypeVar("_Event")


class Player(Generic[_Event]):
    """Gives events when their position is reached, in their order.

    `now_s` of every method is any steady clock of the caller.

    Args:
        events: Position and event, positions never falling.
        speed: How much faster than real time; math.inf gives everything at once.
        position_s: Where it begins.
    """

    def __init__(
        self, events: Iterator[tuple[float, _Event]], *, speed: float = 1.0, position_s: float = 0.0, now_s: float
    ) -> None:
        self.speed = speed
        self.paused = False
        self._anchor_s, self._anchor_at_s = position_s, now_s
        self.load(events, position_s=position_s, now_s=now_s)

    @property
    def ended(self) -> bool:
        """Whether every event was given."""
        return self._next is None

    def load(self, events: Iterator[tuple[float, _Event]], *, position_s: float, now_s: float) -> None:
        """Goes on from another place, with what follows there."""
        self._events = events
        self._next = next(events, None)
        self._anchor_s, self._anchor_at_s = position_s, now_s
        self._last_s = position_s

    def position_s(self, now_s: float) -> float:
        """Where it is; it stops at the last event."""
        if self._next is None:
            return self._last_s
        if self.paused or math.isinf(self.speed):
            return self._anchor_s
        return self._anchor_s + (now_s - self._anchor_at_s) * self.speed

    def due(self, now_s: float) -> Iterator[tuple[float, _Event]]:
        """Position and event of what is due by now."""
        reached_s = math.inf if math.isinf(self.speed) and not self.paused else self.position_s(now_s)
        while self._next is not None and self._next[0] <= reached_s:
            given, self._next = self._next, next(self._events, None)
            self._last_s = max(given[0], self._last_s)
            if math.isinf(self.speed):
                self._anchor_s = self._last_s
            yield given

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next event is due; infinite while none will be."""
        if self._next is None or self.paused:
            return math.inf
        if math.isinf(self.speed):
            return 0.0
        return max((self._next[0] - self.position_s(now_s)) / self.speed, 0.0)

    def pause(self, now_s: float, *, paused: bool) -> None:
        """Stops, or goes on."""
        self._settle(now_s)
        self.paused = paused

    def change_speed(self, speed: float, now_s: float) -> None:
        """Plays at another speed from here on, within SLOWEST and FASTEST."""
        self._settle(now_s)
        self.speed = min(max(speed, SLOWEST), FASTEST)

    def _settle(self, now_s: float) -> None:
        self._anchor_s, self._anchor_at_s = self.position_s(now_s), now_s
