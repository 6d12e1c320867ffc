import itertools
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.wire.events import Event
from monitor.dashboard.state.view_model import DashboardState, Session
from monitor.recordings.tape import Place, Tape
from monitor.recordings.timing import Timing
from monitor.replay.checkpoints import Checkpoint, Checkpoints
from monitor.replay.survey import Survey
from tests.monitor.dashboard import scenes
from tests.monitor.replay.files import conversation, recording

START = DashboardState(session=Session(model="ltu-as-mini"))
EVERYTHING = [event for name in scenes.SCENES if name != "busy_hour" for event in scenes.events(name)]


def surveyed(tape: Tape, every: int = 200, limit: int = 512) -> Survey:
    survey = Survey(tape, START)
    survey._checkpoints.every, survey._checkpoints.limit = every, limit
    while not survey.complete:
        survey.go_on(1.0)
    return survey


def folded(tape: Tape, position_s: float) -> DashboardState:
    state = START
    for step in tape.steps():
        at_s = step.place.timing.position_s
        if step.event is not None and at_s <= position_s:
            state = state.push(step.event, now_s=at_s)
    return state


@settings(max_examples=60, deadline=None)
@given(
    picked=st.lists(
        st.tuples(st.floats(-3.0, 30.0), st.sampled_from(EVERYTHING)), min_size=1, max_size=80
    ),
    wanted=st.lists(st.floats(-1.0, 900.0), min_size=1, max_size=5),
    every=st.integers(1, 30),
    limit=st.integers(2, 9),
)  # fmt: skip
def test_the_state_after_a_seek_is_the_fold_of_all_events_up_to_there(
    picked: list[tuple[float, Event]], wanted: list[float], every: int, limit: int
) -> None:
    at_s, timed = 0.0, []
    for step_s, event in picked:
        at_s += step_s
        timed.append((at_s, event))
    with tempfile.TemporaryDirectory() as folder:
        tape = Tape(recording(Path(folder) / "r.jsonl", timed))
        survey = surveyed(tape, every, limit)
        for position_s in wanted:
            assert survey.at(position_s).state == folded(tape, position_s)


def test_after_a_seek_the_tape_goes_on_with_the_next_event(tmp_path: Path) -> None:
    tape = Tape(recording(tmp_path / "r.jsonl", conversation()))
    survey = surveyed(tape, every=7)
    steps = list(tape.steps())
    for position_s in (0.0, 3.3, 12.0, 59.0):
        following = [step for step in steps if step.place.timing.position_s > position_s]
        assert list(tape.steps(survey.at(position_s).place)) == following


def test_a_survey_knows_length_utterances_and_damage(tmp_path: Path) -> None:
    path = recording(tmp_path / "r.jsonl", conversation(minutes=2))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[16:16] = [b"{\n", b"}\n"]
    path.write_bytes(b"".join(lines))
    survey = surveyed(Tape(path))
    assert survey.length_s == pytest.approx(119.5, abs=0.01)
    assert len(survey.starts_s) == 2 * len(scenes.TALK)
    assert (survey.skipped, survey.first_skipped) == (2, 17)
    assert all(start_s <= end_s for start_s, end_s in zip(survey.starts_s, survey.ends_s, strict=True))


def test_a_slice_ends_soon_and_says_how_far_it_came(tmp_path: Path) -> None:
    survey = Survey(Tape(recording(tmp_path / "r.jsonl", conversation(minutes=5))), START)
    shares = [survey.share]
    while not survey.complete:
        survey.go_on(0.0)
        survey.go_on(0.001)
        shares.append(survey.share)
    assert len(shares) > 3
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_checkpoints_stay_bounded_and_spread_over_the_whole_tape() -> None:
    checkpoints = Checkpoints([Checkpoint(Place(), START)], every=1, limit=16)
    for second in range(1, 10_001):
        checkpoints.offer(Checkpoint(Place(timing=Timing(position_s=float(second))), START))
    kept = [checkpoint.position_s for checkpoint in checkpoints.kept]
    assert len(kept) <= 17
    assert kept == sorted(kept)
    gaps = [later - sooner for sooner, later in itertools.pairwise(kept)]
    assert max(gaps) <= 2 * 10_000 / 16 * 1.1
    for position_s in range(0, 10_000, 199):
        assert checkpoints.before(position_s).position_s <= position_s
