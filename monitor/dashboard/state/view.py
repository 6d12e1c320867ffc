"""What the reader of the dashboard looks at: the chosen row and stretch of time. It survives a seek in a replay."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

from monitor.dashboard.state.columns import Span
from monitor.dashboard.state.rows import ReadingRow, Row
from monitor.dashboard.state.view_model import DashboardState, Stream

ZOOMS_S = (0.25, 0.5, 1.0, 2.0, 5.0, 15.0)
"""Seconds that one column of the timeline can stand for."""

Key: TypeAlias = tuple[str, int | None, float]
"""Names a row of the table as long as it lives: its stream, and its utterance or where its loss began."""


def key(row: Row) -> Key:
    """The name of a row."""
    return (row.stream, row.heard.utterance, 0.0) if isinstance(row, ReadingRow) else (row.stream, None, row.start_s)


def place_of(name: Key, rows: Sequence[Row]) -> int | None:
    """Where the row of that name is, 0 is the newest; None: it is not there any more."""
    return next((place for place, row in enumerate(reversed(rows)) if key(row) == name), None)


def span(row: Row) -> Span:
    """The stretch of its stream that a row is about."""
    if isinstance(row, ReadingRow):
        return row.heard.start_s or 0.0, row.heard.end_s or 0.0
    return row.start_s, row.start_s + row.length_s


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is looked at. By default: the newest utterance, and the present."""

    stream: str | None = None
    """The stream of the timeline, while it goes on or its past is looked at; None: the first."""
    chosen: Key | None = None
    """The row under the cursor; None: the newest, whichever that is."""
    zoom: int = 2
    end_s: float | None = None
    """Right end of the timeline; None: now."""
    smoothed: bool = False
    """Whether the timeline shows the moving average instead of each utterance by itself."""
    wall: bool = False
    """Whether its axis shows the time of day."""

    @property
    def column_s(self) -> float:
        """Seconds of one column."""
        return ZOOMS_S[self.zoom]

    def shown(self, state: DashboardState) -> Stream | None:
        """The stream of the timeline: who looks at the present sees one that goes on."""
        looks_back = self.chosen is not None or self.end_s is not None
        among = state.streams if looks_back else state.present
        named = (stream for stream in among if stream.stream == self.stream)
        return next(named, state.present[0] if state.streams else None)

    def row(self, state: DashboardState) -> int:
        """Place of the chosen row in the table, 0 is the newest; a forgotten one has become the oldest."""
        if self.chosen is None:
            return 0
        place = place_of(self.chosen, state.history)
        return max(len(state.history) - 1, 0) if place is None else place

    def chosen_row(self, state: DashboardState) -> Row | None:
        """The chosen row, once there is one."""
        return state.history[-1 - self.row(state)] if state.history else None

    def place(self, state: DashboardState, where: str, page: int) -> int:
        """The place that lies so from the chosen row: up, down, page_up, page_down; home (newest) or end (oldest)."""
        here = self.row(state)
        places = {
            "up": here - 1,
            "down": here + 1,
            "page_up": here - page,
            "page_down": here + page,
            "home": 0,
            "end": len(state.history) - 1,
        }
        return places[where]

    def place_at(self, state: DashboardState, second_s: float, within_s: float) -> int | None:
        """The place of what was said then on the timeline, or within so many seconds after."""
        stream = self.shown(state)
        reading = stream.past.at(second_s, within_s) if stream else None
        return place_of((stream.stream, reading.utterance, 0.0), state.history) if stream and reading else None

    def choosing(self, state: DashboardState, place: int, *, follow: bool = True) -> Self:
        """The view after choosing the row at a place, or the nearest there is.

        The newest one is followed: the next one will be chosen when it comes; unless `follow` is false.
        """
        place = min(max(place, 0), len(state.history) - 1)
        if place < 0:
            return self
        row = state.history[-1 - place]
        if place == 0 and follow:
            return replace(self, chosen=None, end_s=None, stream=row.stream)
        return replace(self, chosen=key(row), stream=row.stream)

    def zooming(self, steps: int) -> Self:
        """The view after zooming in by so many steps (out where negative)."""
        return replace(self, zoom=min(max(self.zoom - steps, 0), len(ZOOMS_S) - 1))

    def scrolling(self, columns: int, now_s: float, shown: int) -> Self:
        """The view after going so many columns towards the present (back where negative), of `shown` on screen."""
        end_s = (now_s if self.end_s is None else self.end_s) + columns * self.column_s
        end_s = max(end_s, shown * self.column_s)
        return replace(self, end_s=None if end_s >= now_s else end_s)

    def turning(self, state: DashboardState) -> Self:
        """The view with the next stream on the timeline; of one that has ended while another goes on, the end."""
        shown = self.shown(state)
        if shown is None:
            return self
        following = state.streams[(state.streams.index(shown) + 1) % len(state.streams)]
        end_s = self.end_s if shown in state.present else None
        if following not in state.present:
            end_s = following.past.now_s
        return replace(self, stream=following.stream, end_s=end_s)

    def revealing(self, state: DashboardState, shown: int) -> Self:
        """The view scrolled just so far that the chosen row is in sight, of `shown` columns."""
        stream, row = self.shown(state), self.chosen_row(state)
        if stream is None or row is None or self.chosen is None:
            return self
        return self.including(*span(row), stream.past.now_s, shown)

    def including(self, start_s: float, end_s: float, now_s: float, shown: int) -> Self:
        """The view scrolled just so far that a stretch is in sight, of `shown` columns."""
        right_s = now_s if self.end_s is None else self.end_s
        left_s = right_s - shown * self.column_s
        if start_s >= left_s and end_s <= right_s:
            return self
        wanted_s = start_s + shown * self.column_s * 0.75 if start_s < left_s else end_s + self.column_s
        return replace(self, end_s=None if wanted_s >= now_s else wanted_s)
