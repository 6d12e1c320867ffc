"""Recordings: what is in the file, who may read it, and what a bad disk does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from core.errors import UsageError
from core.settings import RecordSettings
from core.wire.events import Event, decode
from core.wire.values import timestamp
from monitor.sinks import recording
from monitor.sinks.recording import RECORDING_SCHEMA, Recorder, Recording, latest_recording
from tests.patience import until
from tests.program import SAMPLE, run
from tests.sample_events import drop, error, health, level, note, state, tokens, utterance

ROOT = Path(__file__).parents[3]
EVENTS: list[Event] = [
    *(
        utterance(1, final=False),
        utterance(1),
        tokens(1),
        state(1),
        level(),
        note("naïve 🚪"),
        drop(),
        error(),
        health(),
    ),
]


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


async def test_a_recording_is_a_header_and_every_event_with_the_time_at_which_it_came(tmp_path):
    async with Recording(tmp_path / "a" / "b", "desk") as sink:
        for event in EVENTS:
            await sink.send(event)
    header, *rest = lines(sink.path)
    assert header.keys() == {"schema", "created_at", "version", "node"}
    assert (header["schema"], header["node"]) == (RECORDING_SCHEMA, "desk")
    assert [decode(json.dumps(line)) for line in rest] == EVENTS, "what reads events reads recordings"
    times = [line["received_at"] for line in rest]
    assert header["created_at"] <= times[0] <= times[-1]
    assert times == sorted(times)
    assert len(times[0]) == len(timestamp(0))
    assert sink.health().dropped == 0


async def test_only_the_user_may_read_it_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        async with Recording(tmp_path / "new", "desk") as sink:
            pass
    finally:
        os.umask(before)
    assert sink.path.stat().st_mode & 0o777 == 0o600
    assert sink.path.parent.stat().st_mode & 0o777 == 0o700


async def test_events_are_in_the_file_soon_and_not_one_write_each(tmp_path, monkeypatch):
    writes = []
    monkeypatch.setattr(
        "monitor.sinks.lines._write_fully", lambda fd, data: (writes.append(data), os.write(fd, data)) and (b"", None)
    )
    async with Recording(tmp_path, "desk") as sink:
        for number in range(50):
            await sink.send(utterance(number))
        await until(lambda: len(sink.path.read_bytes().splitlines()) == 51)
        assert len(writes) < 10


async def test_two_recordings_of_one_second_are_two_files(tmp_path):
    async with Recording(tmp_path, "desk") as one, Recording(tmp_path, "desk") as other:
        assert one.path != other.path
        assert one.path.parent == other.path.parent == tmp_path


async def test_a_folder_that_cannot_be_written_is_said_by_name_and_recording_stays_off(tmp_path):
    (tmp_path / "file").touch()
    sinks = []
    recorder = Recorder(RecordSettings(folder=str(tmp_path / "file" / "below")), "desk", sinks)
    with pytest.raises(UsageError, match=r"record\.folder: cannot write .*file"):
        await recorder.switch(on=True)
    assert recorder.recording is None
    assert sinks == []


async def test_to_switch_it_to_what_it_is_changes_nothing(tmp_path):
    sinks = []
    async with Recorder(RecordSettings(on=True, folder=str(tmp_path)), "desk", sinks) as recorder:
        name = recorder.recording
        await recorder.switch(on=True)
        assert recorder.recording == name
        assert len(sinks) == 1
        await recorder.switch(on=False)
        await recorder.switch(on=False)
    assert [path.name for path in tmp_path.iterdir()] == [name]


async def test_more_events_than_can_wait_cost_the_oldest_and_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "QUEUE_LINES", 10)
    async with Recording(tmp_path, "desk") as sink:
        for number in range(100):
            await sink.send(utterance(number))
        assert sink.health().dropped >= 90
    written = [decode(json.dumps(line)) for line in lines(sink.path) if line["schema"] != RECORDING_SCHEMA]
    assert written[-1] == utterance(99)
    assert len(written) + sink.health().dropped >= 100


def test_a_full_disk_degrades_the_recording_and_every_line_that_gets_out_is_whole(tmp_path):
    body = f"""
        import asyncio, resource, signal
        from pathlib import Path
        from monitor.sinks.recording import Recording
        from tests.sample_events import utterance

        async def main():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            async with Recording(Path({str(tmp_path)!r}), "desk") as sink:
                resource.setrlimit(resource.RLIMIT_FSIZE, (2500, hard))
                for number in range(5):
                    await sink.send(utterance(number))
                while sink.health().state != "degraded":
                    await asyncio.sleep(0.01)
                resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
                await sink.send(utterance(9))
                while sink.health().state != "ok":
                    await asyncio.sleep(0.01)
                print(sink.health().dropped)

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(body)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    (file,) = tmp_path.iterdir()
    seqs = [line["seq"] for line in lines(file) if "seq" in line]
    assert seqs[-1] == 9
    assert seqs[:-1] == list(range(len(seqs) - 1))
    assert len(seqs) + int(done.stdout) == 6


def test_a_run_records_when_asked_to_and_says_in_its_health_where(tmp_path):
    play = ("run", "--source", f"file:{SAMPLE}", "--speed", "max", "--headless", "--mqtt", "off", "--model", "fake")
    finished = run(*play, "--record", str(tmp_path / "here"))
    assert finished.code == 0, finished.err
    (file,) = (tmp_path / "here").iterdir()
    header, *rest = lines(file)
    assert header["schema"] == RECORDING_SCHEMA
    kinds = {line["schema"].split("/")[1] for line in rest}
    assert {"utterance", "state", "level", "tokens", "health"} <= kinds
    finals = [line for line in rest if line["schema"].endswith("utterance/1") and line["final"]]
    assert [line["id"] for line in finals] == [event["id"] for event in finished.events_of("utterance")]
    assert rest[-1]["recording"] == file.name
    assert not run(*play, env={"XDG_DATA_HOME": str(tmp_path / "data")}).code
    assert not (tmp_path / "data").exists(), "off by default"


async def test_where_a_recording_goes_is_said_when_it_begins_and_when_it_is_over(tmp_path):
    said: list[str] = []
    async with Recorder(RecordSettings(folder=str(tmp_path)), "desk", [], say=said.append) as recorder:
        assert said == []
        await recorder.switch(on=True)
        (path,) = tmp_path.iterdir()
        assert said == [f"recording {path}"]
        await recorder.switch(on=False)
        await recorder.switch(on=True)
    assert said[:2] == [f"recording {path}", f"recorded {path}"]
    assert [Path(line.partition(" ")[2]) for line in said[1::2]] == recorder.made
    assert set(recorder.made) == set(tmp_path.iterdir())


def test_the_latest_recording_is_the_one_begun_last_whatever_lies_beside_it(tmp_path):
    second = "2026-01-01T10-00-00Z"
    names = ["2025-12-31T23-00-00Z.jsonl", f"{second}.jsonl", f"{second}-2.jsonl", f"{second}-11.jsonl"]
    for name in (*names, "2026-01-01T10-00-00Z-11-events.jsonl", "talk.jsonl", "2027-01-01T10-00-00Z.json"):
        (tmp_path / name).touch()
    os.utime(tmp_path / f"{second}-11.jsonl", (0, 0))
    assert latest_recording(tmp_path).name == f"{second}-11.jsonl"


@pytest.mark.parametrize("folder", ["empty", "nowhere"])
def test_a_folder_without_a_recording_is_named(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=f"there is no recording in .*{folder}"):
        latest_recording(tmp_path / folder)
