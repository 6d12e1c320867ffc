import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.wire.events import Event
from monitor.dashboard.state.view_model import DashboardState
from monitor.recordings.tape import Tape
from monitor.replay.playback import TapePlayback
from tests.monitor.replay.files import conversation, recording


@dataclass
class Shown:
    """A screen that folds what it is given by the replay's clock, as the dashboard does."""

    state: DashboardState = field(default_factory=DashboardState)
    clock: object = None
    given: int = 0

    def post_event(self, event: Event) -> None:
        self.given += 1
        self.state = self.state.push(event, now_s=self.clock())  # type: ignore[operator]

    def show_state(self, state: DashboardState) -> None:
        self.state = state

    def moved(self) -> None:
        pass


class Hand:
    """A replay whose clock is moved by hand, and whose loop is turned by hand."""

    def __init__(self, path: Path, **options: float) -> None:
        self.now_s = 0.0
        self.tape = Tape(path)
        self.playback = TapePlayback(self.tape, DashboardState(), steady=lambda: self.now_s, **options)
        self.screen = Shown(clock=self.playback.clock)
        self.playback._screen = self.screen
        while not self.playback._survey.complete:
            self.playback._advance()

    def after(self, seconds: float) -> None:
        self.now_s += seconds
        for _ in range(100):
            if self.playback._advance() > 0:
                return

    def expected(self) -> DashboardState:
        state = DashboardState()
        for step in self.tape.steps():
            at_s = step.place.timing.position_s
            if step.event is not None and at_s <= self.playback.clock():
                state = state.push(step.event, now_s=at_s)
        return state


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return recording(tmp_path / "talk.jsonl", conversation(minutes=2))


@pytest.mark.parametrize("speed", [0.25, 1.0, 8.0, 64.0])
def test_at_every_speed_the_screen_shows_the_fold_of_what_came_so_far(path: Path, speed: float) -> None:
    hand = Hand(path, speed=speed)
    for _ in range(20):
        hand.after(3.1 / speed)
        assert hand.screen.state == hand.expected()
    assert hand.playback.clock() == pytest.approx(62.0)


def test_seeking_back_and_on_shows_exactly_what_was_shown_there(path: Path) -> None:
    hand = Hand(path)
    hand.after(60.0)
    for seconds in (-10.0, -10.0, 10.0, -35.5, 61.0, -200.0):
        hand.playback.skip(seconds)
        assert hand.screen.state == hand.expected()
        hand.after(1.3)
        assert hand.screen.state == hand.expected()


def test_home_and_end(path: Path) -> None:
    hand = Hand(path)
    hand.playback.go_to(end=True)
    assert hand.playback.facts.state == "ended"
    assert hand.playback.clock() == hand.playback.facts.length_s == pytest.approx(119.5, abs=0.01)
    assert hand.screen.state == hand.expected()
    assert "Home" in hand.playback.toggle()
    hand.playback.go_to(end=False)
    assert hand.playback.clock() == 0.0
    hand.after(2.0)
    assert hand.playback.facts.state == "playing"
    assert hand.screen.state == hand.expected()


def test_a_pause_stops_the_clock_that_the_screen_goes_by(path: Path) -> None:
    hand = Hand(path)
    hand.after(20.0)
    hand.playback.toggle()
    given = hand.screen.given
    hand.after(3600.0)
    assert hand.screen.given == given
    assert hand.playback.clock() == pytest.approx(20.0)
    assert not any(stream.sound_stopped(hand.playback.clock()) for stream in hand.screen.state.streams)
    hand.playback.toggle()
    hand.after(1.0)
    assert hand.playback.clock() == pytest.approx(21.0)


def test_the_speed_is_doubled_and_halved_within_its_limits(path: Path) -> None:
    hand = Hand(path)
    said = [hand.playback.change_speed(1) for _ in range(8)]
    assert hand.playback.facts.speed == 64.0
    assert said[-1] == "64 times is the fastest."
    said = [hand.playback.change_speed(-1) for _ in range(10)]
    assert hand.playback.facts.speed == 0.25
    assert said[-1] == "0.25 times is the slowest."


def test_it_begins_where_it_is_told_to(path: Path) -> None:
    hand = Hand(path, from_s=42.0)
    hand.after(0.0)
    assert hand.playback.clock() == pytest.approx(42.0)
    assert hand.screen.state == hand.expected()


async def test_while_the_file_is_read_up_to_there_keys_have_their_turn(tmp_path: Path) -> None:
    tape = Tape(recording(tmp_path / "r.jsonl", conversation(minutes=10)))
    playback = TapePlayback(tape, DashboardState(), from_s=590.0)
    playing = asyncio.create_task(playback.run(Shown(clock=playback.clock)))
    said = []
    while playback.facts.state == "reading":
        said.append(playback.remark)
        await asyncio.sleep(0)
    playing.cancel()
    assert len(set(said)) > 2
    assert said[-1].startswith("Reading the file: ")


def test_damage_is_named_until_it_was_read(tmp_path: Path) -> None:
    path = recording(tmp_path / "r.jsonl", conversation())
    lines = path.read_bytes().splitlines(keepends=True)
    lines[16:16] = [b"{\n", b"}\n", b"?\n"]
    path.write_bytes(b"".join(lines))
    hand = Hand(path)
    assert hand.playback.remark == "3 lines skipped: first at line 17"
    hand.playback.dismiss()
    assert hand.playback.remark == ""


def test_a_file_that_vanishes_is_said_and_what_was_shown_stays(path: Path) -> None:
    hand = Hand(path)
    hand.after(30.0)
    before = hand.screen.state
    path.unlink()
    hand.playback.skip(-10.0)
    assert "can no longer be read" in hand.playback.remark
    assert hand.screen.state == before


def test_the_bar_knows_where_people_spoke(path: Path) -> None:
    hand = Hand(path)
    spoken = hand.playback.facts.spoken
    assert 0.3 < sum(spoken) / len(spoken) < 0.6
