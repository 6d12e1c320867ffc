"""What the screen showed at some places of a tape, so that another place is near one of them."""

from bisect import bisect_right
from dataclasses import dataclass, field

from monitor.dashboard.state.view_model import DashboardState
from monitor.recordings.tape import Place

EVERY = 200
"""Events between two checkpoints, at first: folding so many takes about 10 ms."""
LIMIT = 512
"""Checkpoints kept; beyond it, every second one goes, and they are made half as often."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after all events before a place."""

    place: Place
    state: DashboardState

    @property
    def position_s(self) -> float:
        """Where it is in the replay."""
        return self.place.timing.position_s


@dataclass(slots=True)
class Checkpoints:
    """From the first to the last; memory stays bounded however long the tape is."""

    kept: list[Checkpoint]
    """At least the beginning."""
    every: int = EVERY
    limit: int = LIMIT
    _since: int = field(default=0, init=False)

    def offer(self, checkpoint: Checkpoint) -> None:
        """Takes the place after one more event, and keeps it if it is time for one."""
        self._since += 1
        if self._since < self.every:
            return
        self._since = 0
        self.kept.append(checkpoint)
        if len(self.kept) > self.limit:
            del self.kept[1::2]
            self.every *= 2

    def before(self, position_s: float) -> Checkpoint:
        """The last one that is not after a position."""
        place = bisect_right(self.kept, position_s, key=lambda checkpoint: checkpoint.position_s)
        return self.kept[max(place - 1, 0)]
