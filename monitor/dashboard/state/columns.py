"""A stretch of a stream's past cut into columns of equal duration: what the timeline shows, before it is painted."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from core.distribution import EMOTIONS
from core.wire.events import UtteranceEvent
from monitor.dashboard.state.past import Past
from monitor.dashboard.state.view_model import one_line
from monitor.losses import EXPECTED, reason_words

LETTERED_WIDTH = 3
"""An utterance of so many columns has its letters in its middle."""
LETTERED_EVERY = 6
"""Where utterances are narrower, one column in so many has letters."""

Span = tuple[float, float]


@dataclass(slots=True)
class Column:
    """What was heard during one column. `cut` fills it; from then on it is only read."""

    weights: list[float] = field(default_factory=lambda: [0.0] * len(EMOTIONS))
    """Sum of the distributions, each utterance weighing as long as it lasted in the column; zero: none was read."""
    speech: bool = False
    interim: bool = False
    """Whether there is more to come of its utterance."""
    reason: str = ""
    """Why sound in it got no reading, in words; empty where all is well."""
    lost: bool = False
    """Whether the model never heard that sound; else it heard it and gave no reading."""
    worrying: bool = False
    times: int = 0
    """How many losses begin in the column."""
    noted: bool = False
    chosen: bool = False
    lettered: bool = False
    """Whether the bands' letters are drawn in it."""

    @property
    def shares(self) -> tuple[float, ...] | None:
        """The mean distribution; None: none was read."""
        whole = sum(self.weights)
        return tuple(weight / whole for weight in self.weights) if whole else None


@dataclass(frozen=True, slots=True)
class Window:
    """`count` columns of `column_s` seconds; the first one is the `first`-th of the stream."""

    first: int
    count: int
    column_s: float

    @property
    def start_s(self) -> float:
        """Where the first column begins."""
        return self.first * self.column_s

    @property
    def end_s(self) -> float:
        """Where the last column ends."""
        return (self.first + self.count) * self.column_s

    def touches(self, start_s: float, end_s: float) -> bool:
        """Whether a stretch is in sight."""
        return start_s < self.end_s and (end_s > self.start_s or start_s >= self.start_s)

    def covered(self, start_s: float, end_s: float) -> range:
        """The columns, from 0, that a stretch touches; a moment touches one."""
        if not self.touches(start_s, end_s):
            return range(0)
        first = math.floor(max(start_s, self.start_s) / self.column_s) - self.first
        last = math.ceil(min(end_s, self.end_s) / self.column_s) - self.first
        return range(max(first, 0), min(max(last, first + 1), self.count))

    def overlap_s(self, place: int, start_s: float, end_s: float) -> float:
        """How long a stretch lasts in a column."""
        left_s = (self.first + place) * self.column_s
        return max(min(end_s, left_s + self.column_s) - max(start_s, left_s), 0.0)


def cut(past: Past, window: Window, *, smoothed: bool = False, chosen: Span | None = None) -> tuple[Column, ...]:
    """The columns of a window.

    Args:
        past: What the stream has heard.
        window: Which columns.
        smoothed: Stack the moving average instead of each utterance's own distribution.
        chosen: Start and end of the utterance under the cursor.
    """
    columns = tuple(Column() for _ in range(window.count))
    for reading in _in_sight(past.readings, window):
        _add_reading(columns, window, reading, smoothed=smoothed)
    for stretch in (*past.speech, *((past.speaking,) if past.speaking else ())):
        for place in window.covered(stretch.start_s, stretch.end_s):
            columns[place].speech = True
    for loss in past.losses:
        for place in window.covered(loss.start_s, loss.end_s):
            column = columns[place]
            column.reason, column.lost = reason_words(loss.reason), True
            column.worrying = column.worrying or loss.reason not in EXPECTED
        for place in window.covered(loss.start_s, loss.start_s):
            columns[place].times += 1
    for note in past.notes:
        for place in window.covered(note.at_s, note.at_s):
            columns[place].noted = True
    for place in window.covered(*chosen) if chosen else ():
        columns[place].chosen = True
    return columns


def _in_sight(readings: Sequence[UtteranceEvent], window: Window) -> Iterator[UtteranceEvent]:
    for reading in reversed(readings):
        if window.touches(reading.start_s, reading.end_s):
            yield reading
        elif reading.end_s < window.start_s:
            return


def _add_reading(columns: Sequence[Column], window: Window, reading: UtteranceEvent, *, smoothed: bool) -> None:
    start_s, end_s = reading.start_s, reading.end_s
    distribution = (smoothed and reading.smoothed) or reading.distribution
    valid = distribution if reading.status == "ok" else None
    for place in window.covered(start_s, end_s):
        column = columns[place]
        column.speech = True
        column.interim = column.interim or not reading.final
        if valid is None:
            column.reason = column.reason or one_line(reading.reason or "no reading")
            continue
        weight = max(window.overlap_s(place, start_s, end_s), 1e-9)
        for band, share in enumerate(valid):
            column.weights[band] += weight * share
    middle = math.floor((start_s + end_s) / 2 / window.column_s)
    width = math.ceil(end_s / window.column_s) - math.floor(start_s / window.column_s)
    inside = 0 <= middle - window.first < window.count
    if inside and (width >= LETTERED_WIDTH or middle % LETTERED_EVERY == 0):
        columns[middle - window.first].lettered = True
