"""Files that are whole, replace nothing and are their owner's alone."""

import os
import stat

import pytest

from monitor.export.writing import ExportError, write_new


def test_files_of_one_export_share_a_stem_and_only_their_owner_may_read_them(tmp_path):
    paths = write_new(tmp_path / "new" / "folder", "talk", {"-a.csv": b"1", "-b.html": b"2"})
    assert [path.name for path in paths] == ["talk-a.csv", "talk-b.html"]
    assert [path.read_bytes() for path in paths] == [b"1", b"2"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}


def test_nothing_is_ever_replaced_a_number_is_added_to_all(tmp_path):
    (tmp_path / "talk-b.html").write_text("mine")
    paths = write_new(tmp_path, "talk", {"-a.csv": b"1", "-b.html": b"2"})
    assert [path.name for path in paths] == ["talk-2-a.csv", "talk-2-b.html"]
    assert (tmp_path / "talk-b.html").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk-2-a.csv", "talk-2-b.html", "talk-b.html"]


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path):
    (tmp_path / "talk-a.csv").symlink_to(tmp_path / "elsewhere")
    (path,) = write_new(tmp_path, "talk", {"-a.csv": b"1"})
    assert path.name == "talk-2-a.csv"
    assert not (tmp_path / "elsewhere").exists()


def test_a_write_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device", None)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ExportError, match="No space left on device"):
        write_new(tmp_path, "talk", {"-a.csv": b"1", "-b.html": b"2"})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError) as failure:
        write_new(tmp_path / "file" / "inside", "talk", {"-a.csv": b"1"})
    assert "cannot write" in failure.value.one_line()
