"""Plays a tape to a screen, in real time or faster, and goes anywhere in it."""

import asyncio
import gc
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Protocol

from core.wire.events import Event
from monitor.dashboard.state.playback import PlaybackFacts
from monitor.dashboard.state.view import Key
from monitor.dashboard.state.view_model import DashboardState
from monitor.recordings.tape import Place, Tape
from monitor.replay.player import FASTEST, SLOWEST, Player
from monitor.replay.survey import Survey

SLICE_S = 0.01
"""So long the file is read ahead at a time, while keys and repaints wait."""
REST_S = 0.01
BATCH = 200
"""Events shown at once, before keys get their turn."""
LOOK_S = 1.0
"""The longest sleep."""
BUCKETS = 512
"""Parts of the whole in which there is speech or not, for the bar."""


class Screen(Protocol):
    """What shows the events; DashboardApp does."""

    def post_event(self, event: Event) -> None:
        """Takes one event."""

    def show_state(self, state: DashboardState) -> None:
        """Shows another state at once."""

    def moved(self) -> None:
        """Shows soon where the replay is."""


class TapePlayback:
    """One replay. `clock` is the time that the screen has to go by: it stands still with the replay.

    The file is read ahead in slices until its whole is known. What lies beyond that is reached as soon as it is read.

    Args:
        tape: What to play.
        state: What the screen shows before the first event.
        speed: How much faster than real time.
        from_s: Where to begin.
        steady: Steady seconds.
    """

    def __init__(
        self,
        tape: Tape,
        state: DashboardState,
        *,
        speed: float = 1.0,
        from_s: float = 0.0,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tape = tape
        self._steady = steady
        self._survey = Survey(tape, state)
        self._player = Player(self._timed(Place()), speed=speed, now_s=steady())
        self._wanted_s = from_s if from_s > 0 else None
        self._showing_s: float | None = None  # position of the event that is being shown
        self._screen: Screen | None = None
        self._trouble = ""
        self._dismissed = False
        self._changed = asyncio.Event()
        self._spoken: tuple[int, float, bytes] = (0, 0.0, b"")

    def clock(self) -> float:
        """Position in the replay, in seconds."""
        return self._player.position_s(self._steady()) if self._showing_s is None else self._showing_s

    @property
    def facts(self) -> PlaybackFacts:
        """Where it is now."""
        if self._wanted_s is not None:
            state = "reading"
        elif self._player.ended:
            state = "ended"
        else:
            state = "paused" if self._player.paused else "playing"
        return PlaybackFacts(
            name=self._tape.path.name,
            recorded=_day(self._tape.recorded_at),
            position_s=self.clock(),
            length_s=self._survey.length_s,
            speed=self._player.speed,
            state=state,
            spoken=self._where_spoken(),
        )

    @property
    def remark(self) -> str:
        """What there is to say about the file."""
        if self._trouble:
            return self._trouble
        survey = self._survey
        if not survey.complete:
            return f"Reading the file: {survey.share * 100:.0f}%" if self._wanted_s is not None else ""
        if not survey.skipped or self._dismissed:
            return ""
        if survey.skipped == 1:
            return f"1 line skipped: line {survey.first_skipped} is damaged or not an event"
        return f"{survey.skipped} lines skipped: first at line {survey.first_skipped}"

    def dismiss(self) -> None:
        """The remark was read."""
        self._dismissed = self._survey.complete

    def toggle(self) -> str:
        """Pauses, or goes on."""
        if self._player.ended:
            return "The replay has ended. Home starts it again."
        self._player.pause(self._steady(), paused=not self._player.paused)
        self._changed.set()
        return ""

    def skip(self, seconds: float) -> str:
        """Goes so far on, back where negative."""
        here_s = self.clock() if self._wanted_s is None or math.isinf(self._wanted_s) else self._wanted_s
        self._seek(here_s + seconds)
        return ""

    def change_speed(self, steps: int) -> str:
        """Doubles or halves the speed so many times."""
        before = self._player.speed
        self._player.change_speed(before * 2.0**steps, self._steady())
        self._changed.set()
        if self._player.speed == before:
            return f"{FASTEST:g} times is the fastest." if steps > 0 else f"{SLOWEST:g} times is the slowest."
        return ""

    def jump(self, row: Key) -> str:
        """Goes to where the sound of a row of the table begins."""
        start_s = self._survey.places_s.get(row)
        if start_s is None:
            return "Where that was is not known yet."
        self._seek(start_s)
        return ""

    def go_to(self, *, end: bool) -> str:
        """Goes to the end, or the beginning."""
        self._seek(math.inf if end else 0.0)
        return ""

    async def run(self, screen: Screen) -> None:
        """Plays to a screen until it is cancelled."""
        self._screen = screen
        self._player.load(self._timed(Place()), position_s=0.0, now_s=self._steady())
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._advance()):
                    await self._changed.wait()
            self._changed.clear()

    def _advance(self) -> float:
        """Reads ahead and shows what is due; gives the seconds until there is more to do."""
        try:
            if not self._survey.complete:
                self._survey.go_on(SLICE_S)
                if self._survey.complete:
                    gc.freeze()  # what was kept of the file stays: looking for garbage in it would stall the keys
            if self._wanted_s is not None and self._is_read(self._wanted_s):
                self._seek(self._wanted_s)
            if self._wanted_s is None and self._screen:
                self._show_due(self._screen)
        except OSError as error:
            self._fail(error)
        if self._screen:
            self._screen.moved()
        if self._trouble:
            return LOOK_S
        if not self._survey.complete:
            return REST_S
        return min(self._player.wait_s(self._steady()), LOOK_S)

    def _show_due(self, screen: Screen) -> None:
        try:
            for position_s, event in islice(self._player.due(self._steady()), BATCH):
                self._showing_s = position_s
                screen.post_event(event)
        finally:
            self._showing_s = None

    def _seek(self, position_s: float) -> None:
        if not self._is_read(position_s):
            self._wanted_s = position_s
            self._changed.set()
            return
        self._wanted_s = None
        position_s = min(max(position_s, 0.0), self._survey.length_s)
        try:
            there = self._survey.at(position_s)
            self._player.load(self._timed(there.place), position_s=position_s, now_s=self._steady())
        except OSError as error:
            self._fail(error)
            return
        self._changed.set()
        if self._screen:
            self._screen.show_state(there.state)

    def _is_read(self, position_s: float) -> bool:
        """Whether it is known what is there."""
        return self._survey.complete or position_s <= self._survey.length_s

    def _timed(self, place: Place) -> Iterator[tuple[float, Event]]:
        for step in self._tape.steps(place):
            if step.event is not None:
                yield step.place.timing.position_s, step.event

    def _fail(self, error: OSError) -> None:
        self._trouble = f"The file can no longer be read: {error.strerror}"
        self._survey.complete = True
        self._wanted_s = None
        self._player.load(iter(()), position_s=self.clock(), now_s=self._steady())

    def _where_spoken(self) -> bytes:
        survey = self._survey
        known = (len(survey.starts_s), survey.length_s)
        if known != self._spoken[:2]:
            marks = bytearray(BUCKETS)
            scale = BUCKETS / survey.length_s if survey.length_s else 0.0
            for start_s, end_s in zip(survey.starts_s, survey.ends_s, strict=True):
                for bucket in range(int(start_s * scale), min(int(end_s * scale) + 1, BUCKETS)):
                    marks[bucket] = 1
            self._spoken = (*known, bytes(marks))
        return self._spoken[2]


def _day(at: float | None) -> str:
    """Date and time of day here."""
    try:
        return "" if at is None else f"{datetime.fromtimestamp(at).astimezone():%-d %b %Y, %H:%M}"
    except (ValueError, OverflowError, OSError):
        return ""
