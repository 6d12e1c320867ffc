"""`emotion-monitor replay` as a user types it, without a terminal."""

import asyncio
import json
import math
import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.wire.events import encode
from monitor.recordings.tape import Place, Step, Tape
from monitor.replay.emission import emit
from tests.monitor.dashboard import scenes
from tests.monitor.replay.files import conversation, recording
from tests.patience import PATIENCE_S
from tests.program import command, environment, run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return recording(tmp_path / "talk.jsonl", conversation())


def test_headless_at_max_speed_gives_every_event_again_as_it_was(path: Path) -> None:
    done = run("replay", str(path), "--speed", "max")
    assert done.code == 0
    assert done.out.encode() == b"".join(encode(event) + b"\n" for _, event in conversation())


def test_it_begins_where_it_is_told_to_and_writes_where_it_is_told_to(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = run("replay", str(path), "--speed", "max", "--from", "0:30", "--headless", "--sink", f"jsonl:{out}")
    assert done.code == 0
    assert done.out == ""
    assert len(out.read_text().splitlines()) == sum(at_s >= 30.0 for at_s, _ in conversation())


def test_paced_events_come_when_they_came(tmp_path: Path) -> None:
    script = scenes.Script()
    script.level(0.0)
    script.level(1.0)
    path = recording(tmp_path / "r.jsonl", [(0.0, script.events[0]), (8.0, script.events[1])])
    began_s = time.monotonic()
    with subprocess.Popen(
        command("replay", str(path), "--speed", "4"), stdout=subprocess.PIPE, text=True, env=environment()
    ) as program:
        assert program.stdout
        first, second = program.stdout.readline(), program.stdout.readline()
    assert [json.loads(line)["at_s"] for line in (first, second)] == [0.0, 1.0]
    assert time.monotonic() - began_s > 2.0


class Counted(Tape):
    """Counts the lines that are read."""

    read = 0

    def steps(self, place: Place | None = None) -> Iterator[Step]:
        for step in super().steps(place):
            self.read += 1
            yield step


async def test_a_reader_that_goes_away_ends_it_long_before_the_end_of_the_file(tmp_path: Path) -> None:
    timed = conversation(minutes=40)
    tape = Counted(recording(tmp_path / "long.jsonl", timed))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    emitting = asyncio.create_task(emit(tape, [f"jsonl:{pipe}"], speed=math.inf, from_s=0.0))
    await asyncio.to_thread(select.select, [reader], [], [], PATIENCE_S)
    os.close(reader)
    assert await emitting == 0
    assert tape.read < len(timed) / 2


def test_ctrl_c_ends_it(path: Path) -> None:
    with subprocess.Popen(
        command("replay", str(path)), stdout=subprocess.PIPE, text=True, env=environment()
    ) as program:
        assert program.stdout
        assert program.stdout.readline()
        program.send_signal(signal.SIGINT)
        assert program.wait(PATIENCE_S) == 130


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl"], "cannot read none.jsonl: No such file or directory"),
        (["/dev/null"], "/dev/null is empty"),
        (["{path}", "--from", "later"], "'later' is no position: write MM:SS"),
        (["{path}", "--from", "1:2:3:4"], "is no position"),
        (["{path}", "--speed", "0"], "'0' is no speed"),
        (["{path}", "--speed", "nan"], "'nan' is no speed"),
        (["{path}", "--sink", "csv"], "unknown sink 'csv'"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(path: Path, arguments: list[str], said: str) -> None:
    done = run("replay", *(argument.format(path=path) for argument in arguments))
    assert done.code == 2
    assert done.out == ""
    assert said in done.err
    assert len(done.err.splitlines()) == 1
