"""Files that are there whole or not at all, whatever ends the program that writes them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import UsageError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives the name of a file to write; afterwards that file is on the disk, and then is `path`.

    Raises:
        UsageError: Another process has discarded the file while it was written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except FileNotFoundError as error:
        msg = f"{path}: another process writes it too"
        raise UsageError(msg, hint="let one of them finish first; of shards, start each once") from error
    finally:
        partial.unlink(missing_ok=True)
    _sync_folder(path.parent)


def discard_partial(path: Path) -> None:
    """Removes what writers of a file left when they were killed; nobody else may be writing it."""
    for left in path.parent.glob(f"{path.name}.*.partial"):
        left.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file in this way."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _sync_folder(folder: Path) -> None:
    """Makes the new name last; where folders cannot be opened, the system sees to that itself."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
