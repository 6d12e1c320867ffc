"""JSON Lines: what is written, and what a slow, dead or full consumer does to it."""

import asyncio
import fcntl
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from core.errors import UsageError
from core.settings import OutputSettings
from core.wire.events import Event, UtteranceEvent, decode, encode
from monitor.sinks import jsonl
from monitor.sinks.jsonl import JsonlSink, jsonl_target
from tests.patience import PATIENCE_S, until
from tests.sample_events import drop, error, health, level, note, state, tokens, utterance

ROOT = Path(__file__).parents[3]
DEFAULT = OutputSettings()
ALL = OutputSettings(jsonl_events=("utterance", "drop", "error", "state", "health", "level", "tokens", "note"))
EVENTS: list[Event] = [utterance(1), drop(), error(), state(), health(), level(), tokens(1), note()]


async def write(path: Path, events: list[Event], settings: OutputSettings = DEFAULT) -> list[Event]:
    async with JsonlSink(f"jsonl:{path}", settings) as sink:
        for event in events:
            await sink.send(event)
    assert sink.health().dropped == 0
    return events_in(path)


def events_in(path: Path) -> list[Event]:
    return [decode(line) for line in path.read_bytes().splitlines()]


async def test_only_the_user_may_read_a_file_that_is_made_and_one_that_was_there_stays_as_it_is(tmp_path):
    made, shared = tmp_path / "made", tmp_path / "shared"
    shared.touch(mode=0o640)
    shared.chmod(0o640)
    before = os.umask(0o022)
    try:
        for path in (made, shared):
            await write(path, EVENTS)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (made, shared)] == [0o600, 0o640]


def program(body: str, **options: Any) -> "subprocess.Popen[bytes]":
    """A process that runs the coroutine body; `printing` is a sink on its standard output."""
    source = f"""
import asyncio, os, resource, sys
from core.settings import OutputSettings
from monitor.sinks.jsonl import JsonlSink
from tests.sample_events import utterance

printing = JsonlSink("jsonl", OutputSettings())

async def main():
{indent(dedent(body), "    ")}

asyncio.run(main())
"""
    return subprocess.Popen([sys.executable, "-c", source], cwd=ROOT, **options)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A FIFO that holds little, and its reading end."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
    yield path, reader
    with suppress(OSError):
        os.close(reader)


def read_all(reader: int, pause_s: float = 0.0) -> list[Event]:
    """What comes out of a pipe until its writer closes it."""
    with os.fdopen(os.dup(reader), "rb") as file:
        events = []
        for line in file:
            time.sleep(pause_s)
            events.append(decode(line))
        return events


async def test_each_kind_of_event_is_one_line_that_decodes_to_itself(tmp_path):
    assert await write(tmp_path / "out.jsonl", EVENTS, ALL) == EVENTS


async def test_by_default_a_file_holds_utterances_drops_and_errors(tmp_path):
    assert await write(tmp_path / "out.jsonl", EVENTS) == EVENTS[:3]


@pytest.mark.parametrize(("wanted", "count"), [(False, 1), (True, 2)])
async def test_interim_readings_are_written_only_when_asked_for(tmp_path, wanted, count):
    events: list[Event] = [utterance(1, final=False), utterance(1)]
    assert len(await write(tmp_path / "out.jsonl", events, OutputSettings(jsonl_interim=wanted))) == count


async def test_a_file_is_appended_to(tmp_path):
    await write(tmp_path / "out.jsonl", [utterance(1)])
    assert await write(tmp_path / "out.jsonl", [utterance(2)]) == [utterance(1), utterance(2)]


async def test_a_line_that_an_earlier_run_left_unfinished_does_not_spoil_the_next(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text('{"schema": "emo')
    async with JsonlSink(f"jsonl:{path}", DEFAULT) as sink:
        await sink.send(utterance(1))
    assert decode(path.read_bytes().splitlines()[1]) == utterance(1)


@pytest.mark.parametrize("spec", ["json", "jsonl:", "csv:x", ""])
def test_an_unknown_sink_is_refused(spec):
    with pytest.raises(UsageError, match="unknown sink"):
        jsonl_target(spec)


async def test_a_file_that_cannot_be_written_is_refused_at_the_start_by_name(tmp_path):
    for path in (tmp_path, tmp_path / "absent" / "out.jsonl"):
        with pytest.raises(UsageError, match=f"cannot write {path}"):
            await JsonlSink(f"jsonl:{path}", DEFAULT).__aenter__()


async def test_a_fifo_that_nobody_reads_is_refused_and_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UsageError, match="cannot write"):
        await JsonlSink(f"jsonl:{tmp_path / 'fifo'}", DEFAULT).__aenter__()


def test_only_events_reach_standard_output_while_the_sink_is_open():
    body = """
        async with printing:
            await printing.send(utterance(1))
            print("from Python", flush=True)
            os.write(1, b"from C\\n")
            await printing.send(utterance(2))
        print("after")
    """
    with program(body, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    lines = out.splitlines()
    assert [decode(line) for line in lines[:2]] == [utterance(1), utterance(2)]
    assert lines[2:] == [b"after"]
    assert set(err.splitlines()) == {b"from Python", b"from C"}


def test_a_line_is_out_before_the_next_event_comes():
    body = """
        async with printing:
            await printing.send(utterance(1))
            await asyncio.to_thread(sys.stdin.readline)
    """
    with program(body, stdout=subprocess.PIPE, stdin=subprocess.PIPE) as process:
        assert process.stdout
        assert decode(process.stdout.readline()) == utterance(1)  # this hangs if the line waits in a buffer


def test_a_program_whose_reader_has_gone_ends_without_a_complaint():
    body = """
        async with printing:
            while printing.health().state != "closed":
                await printing.send(utterance(1))
                await asyncio.sleep(0.001)
        print("after")
    """
    with program(body, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr
        assert process.stderr.read() == b""


async def test_events_after_the_reader_has_gone_are_counted(pipe):
    path, reader = pipe
    async with JsonlSink(f"jsonl:{path}", DEFAULT, lossless=True) as sink:
        await sink.send(utterance(1))
        assert decode(await asyncio.to_thread(os.read, reader, 4096)) == utterance(1)
        os.close(reader)
        for number in range(2, 7):
            await sink.send(utterance(number))
        await until(lambda: sink.health().dropped == 5)
        assert sink.health().state == "closed"
        assert sink.health().detail == "the reader closed the pipe"
        assert sink.health().queued == 0


@pytest.mark.fault(18, "reader of standard output that stalls")
async def test_a_reader_that_stalls_never_stalls_the_pipeline(pipe, monkeypatch):
    monkeypatch.setattr(jsonl, "QUEUE_LINES", 10)
    path, reader = pipe
    async with JsonlSink(f"jsonl:{path}", DEFAULT) as sink:
        for number in range(100):
            await sink.send(utterance(number))  # this hangs if it waits for the reader
            await asyncio.sleep(0)
        await until(lambda: sink.health().queued <= 10)
        dropped = sink.health().dropped
        reading = asyncio.create_task(asyncio.to_thread(read_all, reader))
    got = [event.seq for event in await reading if isinstance(event, UtteranceEvent)]
    assert dropped > 0
    assert len(got) == 100 - dropped
    assert got == sorted(got)
    assert got[-10:] == list(range(90, 100))  # the oldest were dropped


async def test_with_lossless_a_slow_reader_gets_every_event_in_order(pipe, monkeypatch):
    monkeypatch.setattr(jsonl, "QUEUE_LINES", 10)
    path, reader = pipe
    reading = asyncio.create_task(asyncio.to_thread(read_all, reader, 0.002))
    async with JsonlSink(f"jsonl:{path}", DEFAULT, lossless=True) as sink:
        for number in range(200):
            await sink.send(utterance(number))
    assert await reading == [utterance(number) for number in range(200)]
    assert sink.health().dropped == 0


@pytest.mark.parametrize("lossless", [False, True])
async def test_closing_gives_up_on_a_reader_that_stalls_and_counts_the_loss(pipe, lossless):
    path, reader = pipe
    async with JsonlSink(f"jsonl:{path}", DEFAULT, lossless=lossless, drain_s=0.2) as sink:
        for number in range(100):
            await sink.send(utterance(number))
    health = sink.health()
    assert health.state == "closed"
    got = await asyncio.to_thread(read_all, reader)
    assert len(got) < 100
    assert health.dropped in (100 - len(got), 100 - len(got) + 1)  # of the line being written, nobody knows


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
async def test_a_full_disk_degrades_the_sink_and_stops_nobody():
    async with JsonlSink("jsonl:/dev/full", DEFAULT, lossless=True) as sink:
        for number in range(3):
            await sink.send(utterance(number))
        await until(lambda: sink.health().dropped == 3)
        assert sink.health().state == "degraded"
        assert sink.health().detail == "cannot write: No space left on device"


def test_a_disk_that_has_room_again_heals_the_sink_and_the_line_that_was_cut(tmp_path):
    path = tmp_path / "out.jsonl"
    body = f"""
        sink = JsonlSink("jsonl:{path}", OutputSettings())
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        async with sink:
            for number in range(3):
                await sink.send(utterance(number))
            while sink.health().dropped < 1:
                await asyncio.sleep(0.005)
            print(sink.health().state)
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            await sink.send(utterance(3))
            while sink.health().state != "ok":
                await asyncio.sleep(0.005)
        print(sink.health().dropped)
    """
    with program(body, stdout=subprocess.PIPE, text=True) as process:
        assert process.communicate(timeout=PATIENCE_S)[0].split() == ["degraded", "1"]
    assert 500 < len(encode(utterance(0))) < 1000  # so the second line is the one that is cut
    assert events_in(path) == [utterance(0), utterance(1), utterance(3)]
