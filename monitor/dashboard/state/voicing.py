"""How much of the last seconds counted as voiced: what a change of the sensitivity does. A pure fold over levels."""

from dataclasses import dataclass, replace
from typing import Self

from core.wire.events import LevelEvent

KEPT = 100
"""Looks kept: ten seconds of ten levels each."""


@dataclass(frozen=True, slots=True)
class Voicing:
    """Whether the latest frame was voiced at each of the last levels."""

    looks: tuple[tuple[float, bool], ...] = ()
    """Second of the stream and whether it was voiced, oldest first."""

    def hear_level(self, event: LevelEvent) -> Self:
        """The looks after one more; a stream whose clock went back starts anew."""
        before = self.looks if not self.looks or event.at_s >= self.looks[-1][0] else ()
        return replace(self, looks=(*before, (event.at_s, event.voiced))[-KEPT:])

    def last(self, seconds: float) -> tuple[bool, ...]:
        """The looks of the last seconds, oldest first."""
        if not self.looks:
            return ()
        since_s = self.looks[-1][0] - seconds
        return tuple(voiced for at_s, voiced in self.looks if at_s > since_s)
