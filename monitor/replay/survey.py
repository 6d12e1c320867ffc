"""What is known of a whole tape: its length, its utterances, its damage, and what the screen showed anywhere in it."""

import time
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.wire.events import DropEvent, Event, LevelEvent, UtteranceEvent
from monitor.dashboard.state.view_model import DashboardState
from monitor.recordings.tape import Place, Tape
from monitor.replay.checkpoints import Checkpoint, Checkpoints

if TYPE_CHECKING:
    from monitor.dashboard.state.view import Key

LOOK_EVERY = 32
"""The clock is looked at after so many lines."""


class Survey:
    """Reads a tape once from end to end, a slice at a time, and knows from then on the state at every position.

    Args:
        tape: What to read.
        state: What the screen shows before the first event.
        clock: Steady seconds, for the slices.

    Attributes:
        complete: Whether all is read.
        length_s: Position of the last event that is read.
        skipped: Lines that are damaged or not of ours.
        first_skipped: Number of the first of them.
        starts_s: Where utterances begin, in positions, in the order of the file; `ends_s` is where each ends.
        places_s: Name of a row of the table to the position where its sound begins.
    """

    def __init__(self, tape: Tape, state: DashboardState, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.complete = False
        self.length_s = 0.0
        self.skipped, self.first_skipped = 0, 0
        self.starts_s, self.ends_s = array("d"), array("d")
        self.places_s: dict[Key, float] = {}
        self._zeros_s: dict[str, float] = {}  # position of a stream's second 0, by its latest level
        self._tape, self._clock = tape, clock
        self._checkpoints = Checkpoints([Checkpoint(Place(), state)])
        self._last = self._checkpoints.kept[0]
        self._steps = tape.steps()

    @property
    def share(self) -> float:
        """How much of the file is read, 0..1."""
        return 1.0 if self.complete else self._last.place.offset / max(self._tape.size, 1)

    def go_on(self, slice_s: float) -> None:
        """Reads for about so many seconds.

        Raises:
            OSError: The file is gone.
        """
        until_s = self._clock() + slice_s
        while not self.complete and self._clock() < until_s:
            for _ in range(LOOK_EVERY):
                step = next(self._steps, None)
                if step is None:
                    self.complete = True
                    break
                if step.event is None:
                    self.skipped += 1
                    self.first_skipped = self.first_skipped or step.place.lines
                    continue
                position_s = step.place.timing.position_s
                self._last = Checkpoint(step.place, self._last.state.push(step.event, now_s=position_s))
                self._checkpoints.offer(self._last)
                self.length_s = position_s
                self._mark(step.event, position_s)

    def at(self, position_s: float) -> Checkpoint:
        """The state after all events up to a position, which must have been read.

        Raises:
            OSError: The file is gone.
        """
        near = self._checkpoints.before(position_s)
        place, state = near.place, near.state
        for step in self._tape.steps(place):
            at_s = step.place.timing.position_s
            if at_s > position_s:
                break
            place = step.place
            if step.event is not None:
                state = state.push(step.event, now_s=at_s)
        return Checkpoint(place, state)

    def _mark(self, event: Event, position_s: float) -> None:
        match event:
            case LevelEvent():
                self._zeros_s[event.stream] = position_s - event.at_s
            case UtteranceEvent():
                end_s = position_s - event.latency_ms.total / 1000
                start_s = max(end_s - (event.end_s - event.start_s), 0.0)
                self.places_s[event.stream, event.utterance, 0.0] = start_s
                if event.final:
                    self.starts_s.append(start_s)
                    self.ends_s.append(max(end_s, 0.0))
            case DropEvent():
                zero_s = self._zeros_s.get(event.stream, position_s - event.end_s)
                self.places_s[event.stream, None, event.start_s] = max(zero_s + event.start_s, 0.0)
