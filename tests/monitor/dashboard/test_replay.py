"""A replay as its user meets it: every key, and what it says."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from core.wire.commands import Command, Quit
from core.wire.health import HealthEvent, SinkHealth
from monitor.dashboard import DashboardApp
from monitor.dashboard.backend import NEEDED, Backend
from monitor.dashboard.paint.playback import playback as paint_playback
from monitor.dashboard.paint.wording import TIMES
from monitor.dashboard.state.playback import PlaybackFacts
from monitor.dashboard.state.rows import LostRow, ReadingRow
from monitor.dashboard.state.view_model import DashboardState
from monitor.dashboard.widgets.painted import Block
from monitor.recordings.tape import Tape
from monitor.replay.command import REFUSAL
from monitor.replay.playback import TapePlayback
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import DESIGN, SMALL, Driven, settle
from tests.monitor.dashboard.driving import running as running_live
from tests.monitor.dashboard.script import Script
from tests.monitor.replay.files import conversation, recording


class Replayed(Driven):
    """A running replay whose clock a test moves."""

    playback: TapePlayback
    now_s: float = 0.0

    async def after(self, seconds: float) -> None:
        """Lets the replay's time pass."""
        self.now_s += seconds
        self.playback._changed.set()
        await asyncio.sleep(0.02)
        await settle(self.pilot)

    async def press(self, *keys: str) -> None:
        """Presses keys and lets the replay and the screen settle."""
        await super().press(*keys)
        await self.after(0.0)


@asynccontextmanager
async def replaying(path: Path, size: tuple[int, int] = DESIGN, *, from_s: float = 0.0) -> AsyncIterator[Replayed]:
    """A replay that has read its file and shown what is at the start."""
    commands: list[Command] = []
    driven = Replayed.__new__(Replayed)
    driven.commands, driven.now_s = commands, 0.0
    playback = TapePlayback(Tape(path), DashboardState(), from_s=from_s, steady=lambda: driven.now_s)
    driven.playback = playback
    backend = Backend(commands=frozenset({Quit}), refusal=REFUSAL, now="replay", playback=playback)
    driven.app = DashboardApp(on_command=commands.append, clock=playback.clock, repaint_s=0.0, backend=backend)
    async with driven.app.run_test(size=size) as driven.pilot:
        playing = asyncio.create_task(playback.run(driven.app))
        while not playback._survey.complete or playback._wanted_s is not None:
            await driven.pilot.pause(0.01)
        await driven.after(0.0)
        yield driven
        playing.cancel()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return recording(tmp_path / "talk.jsonl", conversation(minutes=2))


@pytest.mark.parametrize("size", [DESIGN, SMALL, (60, 18), (40, 12)], ids=str)
async def test_a_stranger_sees_that_it_is_not_live(path: Path, size: tuple[int, int]) -> None:
    async with replaying(path, size, from_s=30.0) as driven:
        assert " REPLAY " in driven.text
        assert "0:30 / 1:59" in driven.text
        assert "playing" in driven.text
        assert "live" not in driven.text.replace("not live", "")
        assert "●" in driven.text
        if size in (DESIGN, SMALL):
            assert "of talk.jsonl, recorded 1 Jan 2026" in driven.text


@pytest.mark.parametrize("size", [(200, 60), DESIGN, SMALL], ids=str)
async def test_nothing_is_said_to_be_recorded_in_a_replay(tmp_path: Path, size: tuple[int, int]) -> None:
    sink = SinkHealth(name="recording", state="ok", detail="recording events to talk.jsonl", queued=0, dropped=0)
    timed = [
        (at_s, replace(event, recording="talk.jsonl", sinks=(*event.sinks, sink)))
        if isinstance(event, HealthEvent)
        else (at_s, event)
        for at_s, event in conversation()
    ]
    async with replaying(recording(tmp_path / "talk.jsonl", timed), size, from_s=30.0) as driven:
        assert "REPLAY" in driven.text
        for said in ("RECORDING", "● REC", "recording ok", "recording events"):
            assert said not in driven.text
        await driven.press("h")
        assert "recording events to" not in driven.text


async def test_it_survives_twenty_columns(path: Path) -> None:
    async with replaying(path, (20, 8)) as driven:
        assert "REPLAY" in driven.text


async def test_space_and_p_hold_the_replay_and_go_on(path: Path) -> None:
    async with replaying(path) as driven:
        await driven.after(20.0)
        await driven.press("space")
        assert "paused" in driven.text
        await driven.after(600.0)
        assert "0:20 / 1:59" in driven.text
        assert "No sound is arriving" not in driven.text
        await driven.press("p")
        await driven.after(2.0)
        assert "0:22 / 1:59" in driven.text
        assert "playing" in driven.text
        assert driven.commands == []


async def test_comma_and_dot_go_ten_seconds_back_and_on(path: Path) -> None:
    async with replaying(path, from_s=60.0) as driven:
        await driven.press("full_stop")
        assert "1:10 / 1:59" in driven.text
        await driven.press("comma", "comma", "comma")
        assert "0:40 / 1:59" in driven.text
        await driven.press(*["comma"] * 6)
        assert "0:00 / 1:59" in driven.text


async def test_brackets_change_the_speed(path: Path) -> None:
    async with replaying(path) as driven:
        await driven.press("right_square_bracket", "right_square_bracket")
        assert f"playing 4{TIMES}" in driven.text
        await driven.after(5.0)
        assert "0:20 / 1:59" in driven.text
        await driven.press(*["left_square_bracket"] * 3)
        assert f"playing 0.5{TIMES}" in driven.text
        await driven.press(*["left_square_bracket"] * 2)
        assert "0.25 times is the slowest." in driven.text


async def test_end_and_home_go_to_the_end_and_the_beginning(path: Path) -> None:
    async with replaying(path) as driven:
        await driven.press("end")
        assert "1:59 / 1:59" in driven.text
        assert "ended" in driven.text
        await driven.press("space")
        assert "Home starts it again" in driven.text
        await driven.press("home")
        assert "0:00 / 1:59" in driven.text
        await driven.after(3.0)
        assert "0:03 / 1:59" in driven.text


async def test_going_back_takes_readings_away_that_were_not_there_yet(path: Path) -> None:
    async with replaying(path, from_s=50.0) as driven:
        rows = len(driven.app.state.history)
        await driven.press("comma", "comma", "comma")
        assert len(driven.app.state.history) < rows
        await driven.press("full_stop", "full_stop", "full_stop")
        assert len(driven.app.state.history) == rows


async def test_an_utterance_stays_chosen_over_a_jump(path: Path) -> None:
    async with replaying(path, from_s=100.0) as driven:
        await driven.press("down", "down", "enter")
        assert len(driven.app.screen_stack) == 2
        chosen = driven.app.view.chosen
        await driven.press("escape", "full_stop")
        assert driven.app.view.chosen == chosen


@pytest.mark.parametrize("size", [(200, 60), DESIGN, SMALL], ids=str)
@pytest.mark.parametrize("from_details", [False, True])
async def test_a_key_plays_from_where_the_chosen_utterance_begins(
    path: Path, size: tuple[int, int], from_details
) -> None:
    async with replaying(path, size, from_s=100.0) as driven:
        await driven.press("down", "down")  # the sixth utterance of the second minute has been heard last
        chosen = driven.app.view.chosen_row(driven.app.state)
        assert isinstance(chosen, ReadingRow)
        start_s = chosen.heard.start_s or 0.0
        await driven.press(*["enter"] * from_details, "g")
        assert len(driven.app.screen_stack) == 1
        assert driven.playback.facts.position_s == pytest.approx(start_s, abs=0.1)
        assert chosen not in driven.app.state.history
        await driven.after((chosen.heard.length_s or 0.0) + 1.0)
        assert driven.app.view.chosen_row(driven.app.state) == chosen, "it is heard again, and followed"


async def test_a_key_plays_from_sound_that_was_not_read(tmp_path: Path) -> None:
    script = Script()
    script.drop(12.0, 14.0, "overload")
    timed = [*conversation(), *((31.0, event) for event in script.events)]
    async with replaying(recording(tmp_path / "r.jsonl", sorted(timed, key=lambda one: one[0])), from_s=31.2) as driven:
        assert isinstance(driven.app.view.chosen_row(driven.app.state), LostRow)
        await driven.press("g")
        assert driven.playback.facts.position_s == pytest.approx(12.0, abs=0.5)


async def test_nothing_is_played_from_the_details_of_a_monitor_that_listens() -> None:
    async with running_live(scenes.events("mixed")) as driven:
        await driven.press("down", "enter", "g")
        assert len(driven.app.screen_stack) == 2
        assert "g plays" not in driven.text


async def test_keys_that_change_a_monitor_say_that_a_replay_has_none(path: Path) -> None:
    async with replaying(path) as driven:
        for key in ("n", "r", "m", "d", "o", "v", "a"):
            await driven.press(key)
            assert REFUSAL in driven.text
            assert len(driven.app.screen_stack) == 1
            await driven.press("escape")
            assert REFUSAL not in driven.text
        assert driven.commands == []


async def test_the_footer_and_the_palette_offer_only_what_can_be_done(path: Path) -> None:
    async with replaying(path, SMALL) as driven:
        footer = driven.text.splitlines()[-1]
        assert "space pause" in footer
        assert "[] speed" in footer
        assert "record" not in footer
        await driven.press("ctrl+p")
        await driven.press(*"record")
        assert "Record events" not in driven.text
    async with running_live(size=SMALL) as live:
        assert "speed" not in live.text.splitlines()[-1]


async def test_the_help_names_the_keys_that_do_something_here(path: Path) -> None:
    async with replaying(path) as driven:
        await driven.press("question_mark")
        listed = "\n".join(block._painter(*block._facts, 100).plain for block in driven.app.screen.query(Block))
        assert "Ten seconds back in the replay" in listed
        assert "Record events" not in listed


async def test_keys_of_a_replay_mean_nothing_live() -> None:
    async with running_live() as driven:
        await driven.press("question_mark")
        listed = "\n".join(block._painter(*block._facts, 100).plain for block in driven.app.screen.query(Block))
        assert "replay-back" not in listed
        assert "Record events" in listed
        await driven.press("escape")
        before = driven.text
        await driven.press("comma", "full_stop", "left_square_bracket", "right_square_bracket")
        assert driven.text == before
        assert driven.commands == []


async def test_asking_for_written_answers_in_the_details_is_refused_as_well(path: Path) -> None:
    async with replaying(path, from_s=100.0) as driven:
        await driven.press("enter", "x", "escape")
        assert REFUSAL in driven.text
        assert driven.commands == []


async def test_damage_stands_on_the_message_line_until_it_was_read(tmp_path: Path) -> None:
    path = recording(tmp_path / "r.jsonl", conversation())
    lines = path.read_bytes().splitlines(keepends=True)
    lines[16:16] = [b"{\n", b"}\n", b"?\n"]
    path.write_bytes(b"".join(lines))
    async with replaying(path) as driven:
        assert "3 lines skipped: first at line 17" in driven.text
        await driven.press("escape")
        assert "skipped" not in driven.text


async def test_quitting_ends_it(path: Path) -> None:
    async with replaying(path) as driven:
        await driven.pilot.press("q")
        assert driven.commands == [Quit()]


def test_every_live_only_action_is_off_without_its_command() -> None:
    backend = Backend(commands=frozenset({Quit}))
    assert not any(backend.can(action) for action in NEEDED)
    assert all(Backend().can(action) for action in NEEDED)


@pytest.mark.parametrize("rows", [1, 2])
def test_the_playback_line_never_overflows(rows: int) -> None:
    facts = PlaybackFacts(
        name="a" * 30, recorded="1 Jan 2026, 11:00", position_s=4000.0, length_s=7200.0, speed=0.25, state="playing",
        spoken=bytes([0, 1] * 256),
    )  # fmt: skip
    for width in range(1, 140):
        for text in paint_playback(facts, rows, width).split("\n"):
            assert text.cell_length <= max(width, len("REPLAY 1:06:40"))
