import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import UsageError
from core.wire.events import LatencyMs, UtteranceEvent, encode
from monitor.recordings.tape import Tape
from monitor.sinks.recording import Recording
from tests import sample_events
from tests.monitor.dashboard import scenes
from tests.monitor.replay.files import conversation, plain, recording


def events(tape: Tape) -> list[object]:
    return [step.event for step in tape.steps() if step.event is not None]


def positions(tape: Tape) -> list[float]:
    return [step.place.timing.position_s for step in tape.steps() if step.event is not None]


async def test_what_the_recorder_wrote_comes_back_event_by_event(tmp_path: Path) -> None:
    given = scenes.events("explained")
    async with Recording(tmp_path, "desk") as sink:
        for event in given:
            await sink.send(event)
    tape = Tape(sink.path)
    assert events(tape) == given
    assert tape.header.node == "desk"
    assert tape.recorded_at is not None


def test_the_position_is_the_time_since_the_first_event_as_received(tmp_path: Path) -> None:
    timed = conversation()
    tape = Tape(recording(tmp_path / "r.jsonl", timed))
    assert positions(tape) == pytest.approx([at_s for at_s, _ in timed], abs=2e-3)


def test_without_received_at_an_utterance_is_placed_at_its_start_and_length_and_latency(tmp_path: Path) -> None:
    script = scenes.Script()
    script.utterance(1.0, 3.0, (0.1, 0.2, 0.3, 0.4))
    script.utterance(11.0, 14.0, (0.1, 0.2, 0.3, 0.4))
    readings = [event for event in script.events if isinstance(event, UtteranceEvent)]
    first, second = readings
    latency_s = (second.latency_ms.total - first.latency_ms.total) / 1000
    assert positions(Tape(plain(tmp_path / "s.jsonl", readings))) == pytest.approx([0.0, 11.0 + latency_s], abs=2e-3)


def test_levels_are_placed_by_the_clock_of_their_stream_once_an_utterance_told_it(tmp_path: Path) -> None:
    script = scenes.Script()
    script.level(0.5)
    script.utterance(1.0, 3.0, (0.1, 0.2, 0.3, 0.4))
    reading = script.events[1]
    assert isinstance(reading, UtteranceEvent)
    script.level(23.0)
    at = positions(Tape(plain(tmp_path / "s.jsonl", script.events)))
    assert at[0] == 0.0
    assert at[-1] == pytest.approx(20.0 - reading.latency_ms.total / 1000, abs=2e-3)


def test_an_event_without_any_time_keeps_the_time_of_the_one_before(tmp_path: Path) -> None:
    at = positions(Tape(plain(tmp_path / "s.jsonl", scenes.events("explained"))))
    assert at == sorted(at)
    tokens = [step for step in Tape(tmp_path / "s.jsonl").steps() if type(step.event).__name__ == "TokensEvent"]
    assert tokens[0].place.timing.position_s == at[-1]


def test_a_clock_that_was_set_back_does_not_stop_the_replay(tmp_path: Path) -> None:
    timed = conversation()
    half = len(timed) // 2
    later = [(at_s - 7200.0, event) for at_s, event in timed[half:]]
    at = positions(Tape(recording(tmp_path / "r.jsonl", timed[:half] + later)))
    assert at[-1] == pytest.approx(timed[-1][0], abs=1.0)


def test_a_night_between_two_runs_in_one_file_is_shortened(tmp_path: Path) -> None:
    timed = conversation()
    later = [(at_s + 40_000.0, event) for at_s, event in timed]
    at = positions(Tape(recording(tmp_path / "r.jsonl", timed + later)))
    assert at[-1] == pytest.approx(2 * timed[-1][0] + 600.0, abs=1.0)


def test_damaged_and_foreign_lines_are_skipped_and_numbered(tmp_path: Path) -> None:
    path = recording(tmp_path / "r.jsonl", conversation())
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4][: len(lines[4]) // 2] + b"\n"
    lines[9:9] = [b'{"schema":"somebody/else/1"}\n', b"\n", b"\xff\xfe\n", b"x" * 2_500_000 + b"\n"]
    path.write_bytes(b"".join(lines))
    steps = list(Tape(path).steps())
    assert [step.place.lines for step in steps if step.event is None] == [5, 10, 12, 13]
    assert sum(step.event is not None for step in steps) == len(lines) - 6


def test_reading_on_from_any_place_gives_what_reading_from_the_start_gives(tmp_path: Path) -> None:
    tape = Tape(recording(tmp_path / "r.jsonl", conversation()))
    steps = list(tape.steps())
    for index in range(0, len(steps), 17):
        assert list(tape.steps(steps[index].place)) == steps[index + 1 :]


def test_what_is_appended_later_is_not_part_of_it(tmp_path: Path) -> None:
    path = plain(tmp_path / "s.jsonl", scenes.events("clear"))
    tape = Tape(path)
    before = events(tape)
    with path.open("ab") as file:
        file.write(encode(before[0]) + b"\n")  # type: ignore[arg-type]
    assert events(tape) == before


def test_a_recording_that_another_program_wrote_anew_keeps_its_times(tmp_path: Path) -> None:
    timed = conversation()
    path = recording(tmp_path / "r.jsonl", timed)
    sorted_keys = [json.dumps(json.loads(line), sort_keys=True) for line in path.read_text().splitlines()]
    path.write_text("\n".join(sorted_keys))
    assert positions(Tape(path)) == pytest.approx([at_s for at_s, _ in timed], abs=2e-3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "holds no events"),
        (b"start,end,emotion\n1,2,anger\n" * 2000, "holds no events"),
        (bytes(range(256)) * 5000, "holds no events"),
        (b"[" * 100_000, "holds no events"),
        (b'{"schema":"emotion-monitor/recording/1"}\n', "holds no events"),
        (b'{"schema":"emotion-monitor/recording/2"}\n', "a recording of another kind"),
    ],
)
def test_an_empty_or_foreign_file_is_refused_in_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "f.jsonl"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said) as refused:
        Tape(path)
    assert str(path) in refused.value.one_line()


def test_a_file_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*No such file"):
        Tape(tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="is a folder"):
        Tape(tmp_path)


BEYOND = 1.7e308  # finite, and yet the difference of two such times is not


@pytest.mark.parametrize(
    "times",
    [
        {"start_s": BEYOND, "end_s": -BEYOND},
        {"start_s": 2.0, "end_s": 1.0},
        {"start_s": 0.0, "end_s": 1e300},
        {"latency_ms": LatencyMs(hangover=0, queue=0, features=0, llm=0, total=-BEYOND)},
    ],
)
def test_a_line_of_a_time_that_cannot_be_counts_as_damaged(times, tmp_path):
    path = tmp_path / "r.jsonl"
    whole = sample_events.utterance()
    path.write_bytes(b"".join(encode(event) + b"\n" for event in (whole, replace(whole, **times), whole)))
    assert [step.event for step in Tape(path).steps()] == [whole, None, whole]
