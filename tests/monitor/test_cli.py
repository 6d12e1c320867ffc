"""What the command line says of itself, and what it does where nothing is said."""

import logging
import subprocess

import pytest

from core.settings import Settings
from core.settings_file import load_settings
from core.wire.events import decode, encode
from monitor.cli import main
from tests.program import REPOSITORY
from tests.sample_events import utterance


def said(capsys, *words: str) -> str:
    """The one line about arguments that are wrong."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_bench_without_a_name_names_what_can_be_measured(capsys):
    line = said(capsys, "bench")
    assert {"latency", "end-to-end", "soak"} <= {*line[line.index("{") + 1 : line.index("}")].split(",")}


def test_a_speed_that_is_none_is_told_with_those_that_can_be(capsys):
    assert "source.speed = 'fast': input should be 'max' or a valid number" in said(capsys, "run", "--speed", "fast")


@pytest.fixture
def recordings(tmp_path):
    """Two recordings, and settings that say where they are."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for day in (1, 2):
        (folder / f"2026-01-0{day}T10-00-00Z.jsonl").write_bytes(encode(utterance(day)) + b"\n")
    (tmp_path / "mine.toml").write_text(f"[record]\nfolder = '{folder}'\n")
    return folder


@pytest.mark.parametrize("named", [False, True])
def test_without_a_file_the_latest_recording_is_taken_and_named(recordings, named, capsys, caplog):
    caplog.set_level(logging.INFO, "monitor")
    where = [str(recordings)] if named else ["--config", str(recordings.parent / "mine.toml")]
    again = recordings.parent / "again.jsonl"
    export = ["export", "--format", "jsonl", "--out", str(recordings.parent)]
    for command in (export, ["replay", "--headless", "--sink", f"jsonl:{again}"]):
        with pytest.raises(SystemExit) as ended:
            main([*command, *where])
        assert ended.value.code == 0
    latest = recordings / "2026-01-02T10-00-00Z.jsonl"
    assert [record.getMessage() for record in caplog.records] == [f"the latest recording: {latest}"] * 2
    exported = recordings.parent / "2026-01-02T10-00-00Z-events.jsonl"
    assert capsys.readouterr().out == f"{exported}\n"
    assert decode(exported.read_text()) == decode(again.read_text()) == utterance(2)


def test_the_settings_it_prints_are_a_settings_file_with_the_defaults(tmp_path, capsys, caplog, monkeypatch):
    caplog.set_level(logging.INFO, "monitor")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("EMOTION_MONITOR_MQTT__PASSWORD", "hush")
    with pytest.raises(SystemExit) as ended:
        main(["settings"])
    assert ended.value.code == 0
    file = tmp_path / "emotion-monitor" / "config.toml"
    file.parent.mkdir()
    file.write_text(capsys.readouterr().out)
    assert load_settings(file=file, environ={}) == Settings()
    with pytest.raises(SystemExit):
        main(["settings"])
    missing, variables, there, _ = (record.getMessage() for record in caplog.records)
    assert missing == f"your settings: {file}, which is not there; defaults hold"
    assert variables == "above them, from the environment: EMOTION_MONITOR_MQTT__PASSWORD"
    assert there == f"your settings: {file}, in force"


def test_git_ignores_the_password_files_that_the_guide_leaves():
    files = [f"{user}.password" for user in ("kitchen", "reader", "operator")]
    ignored = subprocess.run(
        ["git", "check-ignore", *files], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if ignored.returncode == 128:
        pytest.skip("this is no checkout")
    assert ignored.stdout.split() == files
