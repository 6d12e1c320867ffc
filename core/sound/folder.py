"""Which files lie below a folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from core.errors import UsageError

_HIDDEN = (".", "__MACOSX")
"""How names begin that are nobody's: hidden ones, the `._` files of macOS, and what its archives add."""


def files_below(root: Path) -> Iterator[Path]:
    """All files below a folder without hidden ones; folders that are linked too, but none twice.

    Raises:
        UsageError: A folder in it cannot be read.
    """
    seen: set[str] = set()
    for folder, folders, files in os.walk(root, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith(_HIDDEN))
        yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))


def _refuse(error: OSError) -> None:
    """A folder that is not there holds no files; of any other, what it holds would be left out unsaid."""
    if isinstance(error, FileNotFoundError):
        return
    msg = f"{error.filename}: the folder cannot be read: {error.strerror}"
    raise UsageError(msg) from error
