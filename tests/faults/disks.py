"""Disks that are full or read-only, made of what the test may do: a small file system of its own, or limits."""

import os
import resource
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest


class Disk(Protocol):
    """A folder on a disk that can be made to fail."""

    folder: Path

    def break_down(self) -> None:
        """From now on it fails."""

    def heal(self) -> None:
        """It works again."""


class SmallFileSystem:
    """A tmpfs that can be filled up or made read-only."""

    def __init__(self, folder: Path, *, fault: str) -> None:
        self.folder = folder
        self._fault = fault
        self._ballast = folder / "ballast"

    def break_down(self) -> None:
        if self._fault == "read-only":
            subprocess.run(["mount", "-o", "remount,ro", self.folder], check=True)
            return
        with self._ballast.open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                pass

    def heal(self) -> None:
        if self._fault == "read-only":
            subprocess.run(["mount", "-o", "remount,rw", self.folder], check=True)
        else:
            self._ballast.unlink()


class LimitedFiles:
    """Files of this process may grow no further."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def break_down(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, self._before[1]))

    def heal(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._before)


class ForbiddenFolder:
    """A folder and its files that we may not write; root may nevertheless."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def break_down(self) -> None:
        for path in (*self.folder.iterdir(), self.folder):
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))

    def heal(self) -> None:
        for path in (self.folder, *self.folder.iterdir()):
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


@contextmanager
def disk(kind: str, folder: Path) -> Iterator[Disk]:
    """One of `full`, `limited` and `read-only`; healthy at first. Skips, with a reason, what cannot be made here."""
    made: Disk
    if kind == "limited":
        made = LimitedFiles(folder)
    elif kind == "read-only" and os.geteuid() != 0:
        made = ForbiddenFolder(folder)
    else:
        _mount(folder)
        made = SmallFileSystem(folder, fault=kind)
    try:
        yield made
    finally:
        if isinstance(made, SmallFileSystem):
            subprocess.run(["umount", "-l", folder], check=True)
        else:
            made.heal()


def _mount(folder: Path) -> None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a disk of its own needs root, to mount a tmpfs")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.decode().strip()}")
