"""Which files are read."""

import pytest

from core.errors import UsageError
from monitor.read.files import choose


@pytest.fixture
def folder(tmp_path):
    for name in ("b.wav", "a/one.FLAC", "a/notes.txt", "a/films.mp4", ".hidden.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def names(paths, folder):
    return [path.relative_to(folder).as_posix() for path in paths]


def test_sound_below_folders_is_chosen_sorted_and_what_is_passed_over_is_known(folder):
    chosen = choose([folder])
    assert names(chosen.files, folder) == ["a/films.mp4", "a/one.FLAC", "b.wav"]
    assert names(chosen.passed_over, folder) == ["a/notes.txt"]


def test_a_file_that_is_named_is_tried_whatever_it_is_called(folder):
    assert names(choose([folder / "a" / "notes.txt"]).files, folder) == ["a/notes.txt"]


def test_no_file_is_chosen_twice(folder, monkeypatch):
    monkeypatch.chdir(folder)
    chosen = choose([folder / "a", folder, folder / "b.wav", (folder / "b.wav").relative_to(folder)])
    assert names(chosen.files, folder) == ["a/films.mp4", "a/one.FLAC", "b.wav"]


def test_what_does_not_exist_and_a_folder_without_sound_are_refused(folder, tmp_path):
    with pytest.raises(UsageError, match="none: no such file or folder"):
        choose([folder, folder / "none"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no sound file in"):
        choose([tmp_path / "empty"])
