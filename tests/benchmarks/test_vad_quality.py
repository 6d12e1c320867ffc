"""The benchmark of speech detection, as far as it needs no data."""

import sys

import pytest

from benchmarks.vad_quality import main


def test_a_folder_without_the_data_is_one_line_that_names_what_is_missing(tmp_path, monkeypatch, capsys):
    (tmp_path / "manifest.csv").touch()
    monkeypatch.setattr(sys, "argv", ["vad_quality", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path} has no vad/clips.csv and no vad/segments.csv (" in line
