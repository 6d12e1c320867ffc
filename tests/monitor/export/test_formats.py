"""Exporting, from memory and from files."""

import stat

import pytest

from core.wire.events import decode, encode
from monitor.cli import main
from monitor.export.command import read_session
from monitor.export.formats import FORMATS, export
from monitor.export.session import Session
from tests.monitor.export.sessions import everything, session


@pytest.fixture
def file(tmp_path):
    """What --sink jsonl:PATH wrote, with a damaged line and one of another program."""
    path = tmp_path / "talk.jsonl"
    lines = [encode(event) for event in everything()]
    path.write_bytes(b"\n".join([*lines[:3], b'{"schema": "emotion-mon', b'{"schema":"other/1"}', *lines[3:]]) + b"\n")
    return path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        main(["export", *map(str, arguments)])
    captured = capsys.readouterr()
    return end.value.code, captured.out, captured.err


def test_all_formats_are_files_named_after_the_time_the_session_began(tmp_path):
    paths = export(session(), FORMATS, tmp_path)
    assert [path.name for path in paths] == [
        "emotion-2026-01-01T10-00-00Z-utterances.csv",
        "emotion-2026-01-01T10-00-00Z-notes.csv",
        "emotion-2026-01-01T10-00-00Z-drops.csv",
        "emotion-2026-01-01T10-00-00Z-events.jsonl",
        "emotion-2026-01-01T10-00-00Z-summary.html",
    ]


def test_the_events_of_an_export_are_the_events_and_export_to_the_same_again(tmp_path):
    (path,) = export(session(), ["jsonl"], tmp_path)
    lines = path.read_bytes().splitlines()
    assert [decode(line) for line in lines] == session().events
    assert read_session(path) == session()


def test_a_session_of_nothing_can_be_exported(tmp_path):
    assert len(export(Session(), FORMATS, tmp_path)) == 5


def test_a_file_from_the_command_line(capsys, caplog, tmp_path, file):
    code, out, _ = run(capsys, file, "--out", tmp_path / "out")
    assert code == 0
    names = [f"talk-{name}" for name in ("utterances.csv", "notes.csv", "drops.csv", "events.jsonl", "summary.html")]
    assert [line.rpartition("/")[2] for line in out.splitlines()] == names
    assert f"2 lines of {file} were no events" in caplog.text
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()} == {0o600}


def test_exporting_again_replaces_nothing(capsys, tmp_path, file):
    for _ in range(2):
        assert run(capsys, file, "--format", "html", "--out", tmp_path)[0] == 0
    assert {path.name for path in tmp_path.glob("*.html")} == {"talk-summary.html", "talk-2-summary.html"}


def test_the_folder_of_the_call_is_where_files_go_unless_told_otherwise(capsys, tmp_path, file, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, file, "--format", "csv")
    assert code == 0
    assert out.splitlines()[0] == "talk-utterances.csv"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl"),
        (["FILE", "--format", "xlsx"], "known: csv, jsonl, html"),
        (["FILE", "--format", ""], "none is named"),
    ],
)
def test_mistakes_are_said_in_one_line(capsys, file, arguments, said):
    code, _, err = run(capsys, *(file if argument == "FILE" else argument for argument in arguments))
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1
