"""Which files lie below a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from core.errors import UsageError
from core.sound.folder import files_below


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_files_of_all_folders_are_found_but_hidden_ones(tmp_path):
    found = [touch(tmp_path / name) for name in ("a/b/one.wav", "a/two.txt", "three.wav")]
    for hidden in ("a/._one.wav", ".cache/four.wav", "__MACOSX/five.wav"):
        touch(tmp_path / hidden)
    assert sorted(files_below(tmp_path)) == sorted(found)


def test_a_folder_that_is_linked_is_looked_into_once_even_in_a_circle(tmp_path):
    touch(tmp_path / "elsewhere" / "one.wav")
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").symlink_to(tmp_path / "elsewhere")
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(root)
    assert list(files_below(root)) == [root / "a" / "one.wav"]


@contextmanager
def no_longer_root(folder) -> Iterator[None]:
    """Root may read everything; what is in a folder, others may."""
    if os.geteuid() != 0:
        yield
        return
    for above in (folder, *folder.parents[:3]):  # pytest's own, which are private
        above.chmod(above.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_cannot_be_read_is_said_rather_than_left_out(tmp_path):
    shut = tmp_path / "shut"
    shut.mkdir()
    shut.chmod(0)
    with no_longer_root(tmp_path), pytest.raises(UsageError, match=r"shut.*the folder cannot be read"):
        list(files_below(tmp_path))


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert list(files_below(tmp_path / "none")) == []
