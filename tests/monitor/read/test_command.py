"""`emotion-monitor read` as it is used: real files, a real process, a model without weights."""

import csv
import os
import pty
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from core.errors import UsageError
from core.settings import Settings
from monitor.read.command import read as read_into_table
from tests.monitor.read.recordings import recording
from tests.patience import PATIENCE_S
from tests.program import Running, command, environment, run

WITH_STATE = {"EMOTION_MONITOR_MODEL__ADAPT_READINGS": "true"}
"""Every reading depends on those before it in its stream."""


@pytest.fixture(scope="module")
def talks(tmp_path_factory):
    """Two recordings of two and three utterances, one of silence, one that is cut short and one that is no sound."""
    folder = tmp_path_factory.mktemp("talks")
    recording(folder / "a.wav", 2, 1.5)
    recording(folder / "sub" / "b.flac", 3, 2, 12)
    recording(folder / "silence.wav")
    recording(folder / "whole.flac", 2, 2.5)
    whole = (folder / "whole.flac").read_bytes()
    (folder / "cut.flac").write_bytes(whole[: 2 * len(whole) // 3])
    (folder / "whole.flac").unlink()
    (folder / "text.mp3").write_text("no sound", encoding="utf-8")
    (folder / "notes.txt").write_text("no sound either", encoding="utf-8")
    return folder


def read(*arguments, model="fake", env=None):
    return run("read", *map(str, arguments), "--model", model, env=env)


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_utterances_and_numbers_are_those_that_run_gives_file_by_file(talks, tmp_path):
    good = [talks / "a.wav", talks / "sub" / "b.flac"]
    done = read(*good, "--out", tmp_path / "t.csv", env=WITH_STATE)
    assert (done.code, done.out) == (0, "")
    sources = [word for path in good for word in ("--source", f"file:{path}")]
    played = run(
        *("run", *sources, "--speed", "max", "--headless", "--sink", "jsonl", "--mqtt", "off", "--model", "fake"),
        env=WITH_STATE,
    )
    in_table = {(row["file"], float(row["start"]), float(row["end"])): row for row in rows_of(tmp_path / "t.csv")}
    assert len(in_table) == len(played.events) >= 5
    for event in played.events:
        (path,) = [path for path in good if f"file:{path.name}" == event["source"]]
        row = in_table[str(path), event["start_s"], event["end_s"]]
        assert {name: float(row[name]) for name in event["distribution"]} == event["distribution"]
        assert (float(row["entropy"]), float(row["margin"])) == (event["entropy"], event["margin"])
        assert (row["dominant"], row["status"]) == (event["dominant"], event["status"])
        assert int(row["heard_before"]) == event["adaptation"]["utterances"]
        assert float(row["adaptation_weight"]) == event["adaptation"]["weight"]


def test_no_file_is_left_out_unsaid(talks, tmp_path):
    done = read(talks, "--out", tmp_path / "t.csv")
    assert done.code == 1
    rows = {}
    for row in rows_of(tmp_path / "t.csv"):
        rows.setdefault(row["file"].removeprefix(f"{talks}/"), []).append(row["status"])
    assert rows["a.wav"] == ["ok", "ok"]
    assert rows["sub/b.flac"][:2] == ["ok", "ok"]
    assert rows["silence.wav"] == ["no speech"]
    assert rows["text.mp3"] == ["unread"]
    assert rows["cut.flac"][0] == "ok"
    assert rows["cut.flac"][-1] == "unread"
    for name in ("text.mp3", "cut.flac"):
        assert f"{talks / name}: " in done.err
    assert "passed over, being no sound by their names (.txt): 1 file" in done.err
    assert "without speech: 1 file; not read, or not to the end: 2 files" in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("kind", ["parquet", "audformat"])
def test_a_table_can_be_had_in_each_format(talks, tmp_path, kind):
    assert read(talks / "a.wav", "--out", tmp_path / f"t.{kind}").code == 0
    assert (tmp_path / f"t.{kind}" / "db.yaml").exists() if kind == "audformat" else (tmp_path / f"t.{kind}").is_file()


def test_what_was_read_is_not_read_again_and_what_is_new_or_changed_is(tmp_path):
    folder, out = tmp_path / "talks", tmp_path / "t.csv"
    one = recording(folder / "one.wav", 2)
    recording(folder / "two.wav", 2, pitch_hz=150)
    assert read(folder, "--out", out).code == 0
    before = out.read_bytes()
    again = read(folder, "--out", out, model="fake")
    assert (again.code, out.read_bytes()) == (0, before)
    assert "2 utterances of 2 files; read before: 2 files" in again.err
    recording(one, 2, 2)
    recording(folder / "three.wav", 2)
    assert "4 utterances of 3 files; read before: 1 file" in read(folder, "--out", out).err
    files = [row["file"].rsplit("/")[-1] for row in rows_of(out)]
    assert files == ["one.wav", "one.wav", "three.wav", "two.wav"]


def test_an_interrupted_run_leaves_a_valid_table_and_goes_on_to_the_same_bytes(tmp_path):
    folder, out = tmp_path / "talks", tmp_path / "t.csv"
    for number in range(8):
        recording(folder / f"{number:02}.wav", 1, 1.5, pitch_hz=120 + number)
    reading = Running("read", str(folder), "--out", str(out), "--model", "fake:read_s=0.1")
    journal = tmp_path / "t.csv.journal"
    end_s = time.monotonic() + PATIENCE_S
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 2):
        assert time.monotonic() < end_s
        time.sleep(0.01)
    reading.process.send_signal(signal.SIGINT)
    _, said = reading.process.communicate(timeout=PATIENCE_S)
    assert reading.process.returncode == 130
    assert "the same command goes on with" in said
    finished = {row["file"] for row in rows_of(out)}
    assert 2 <= len(finished) < 8
    assert read(folder, "--out", out, model="fake:read_s=0.1").code == 0
    assert read(folder, "--out", tmp_path / "at_once.csv", model="fake:read_s=0.1").code == 0
    assert out.read_bytes() == (tmp_path / "at_once.csv").read_bytes()


def test_a_table_of_another_model_or_of_somebody_else_is_refused_and_left_alone(talks, tmp_path):
    out = tmp_path / "t.csv"
    assert read(talks / "a.wav", "--out", out).code == 0
    before = out.read_bytes()
    other = read(talks / "a.wav", "--out", out, model="fake:read_s=0")
    assert other.code == 2
    assert "t.csv was read otherwise: model.name fake, now fake:read_s=0 (choose another place" in other.err
    (tmp_path / "mine.csv").write_text("mine", encoding="utf-8")
    refused = read(talks / "a.wav", "--out", tmp_path / "mine.csv")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "mine.csv is there already, and no mine.csv.journal beside it" in refused.err
    assert (out.read_bytes(), (tmp_path / "mine.csv").read_text(encoding="utf-8")) == (before, "mine")


def test_mistakes_are_found_before_anything_is_read_and_leave_nothing_behind(talks, tmp_path):
    for path, out, said in (
        (talks / "none.wav", tmp_path / "t.csv", "none.wav: no such file or folder"),
        (talks, tmp_path / "t.xlsx", "its name does not say in which format"),
        (talks, tmp_path, "its name does not say in which format"),
        (talks, talks / "a.wav" / "t.csv", "cannot write"),
    ):
        with pytest.raises(UsageError, match=said):
            read_into_table([path], out, Settings())
    nobody = read(talks, "--out", tmp_path / "t.csv", model="nobody")
    assert (nobody.code, nobody.err.count("\n")) == (2, 1)
    assert list(tmp_path.iterdir()) == []


def test_on_a_terminal_a_bar_shows_how_far_it_has_come_and_goes(talks, tmp_path):
    screen, stderr = pty.openpty()
    with subprocess.Popen(
        command("read", str(talks / "a.wav"), "--out", str(tmp_path / "t.csv"), "--model", "fake"),
        env=environment({"TERM": "xterm"}),
        stdout=subprocess.PIPE,
        stderr=stderr,
    ) as reading:
        os.close(stderr)
        shown = b""
        with suppress(OSError):  # so a terminal ends
            while some := os.read(screen, 4096):
                shown += some
        assert reading.stdout.read() == b""
    os.close(screen)
    assert reading.returncode == 0
    assert b"0 of 1 files" in shown
    assert shown.rstrip().endswith(b"t.csv: 2 utterances of 1 file")
