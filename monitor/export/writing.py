"""New files that are whole or not there, that replace nothing, and that only their owner may read."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from core.errors import EmotionMonitorError

MOST_NUMBERS = 10_000


class ExportError(EmotionMonitorError):
    """Files that cannot be written."""


def write_new(folder: Path, stem: str, endings: Mapping[str, bytes]) -> list[Path]:
    """Writes some files that belong together, named by one stem; a number is added where such a file exists.

    Args:
        folder: Made if it is not there.
        stem: How all names begin.
        endings: End of each name, such as `-notes.csv`, to what is in the file.

    Returns:
        The files, in the order of `endings`.

    Raises:
        ExportError: The folder or a file cannot be made, or the disk is full; nothing is left behind.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = _reserved(folder, stem, list(endings))
        try:
            for path, content in zip(paths, endings.values(), strict=True):
                _fill(path, content)
        except BaseException:
            _remove(paths)
            raise
    except OSError as error:
        msg = f"cannot write {error.filename or folder}: {error.strerror}"
        raise ExportError(msg, hint="choose another folder, or make room") from error
    return paths


def _reserved(folder: Path, stem: str, endings: list[str]) -> list[Path]:
    """Empty files of ours under the first number that is free for all of them."""
    for number in range(1, MOST_NUMBERS):
        name = stem if number == 1 else f"{stem}-{number}"
        paths: list[Path] = []
        try:
            for ending in endings:
                path = folder / f"{name}{ending}"
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                paths.append(path)
        except FileExistsError:
            _remove(paths)
        except OSError:
            _remove(paths)
            raise
        else:
            return paths
    msg = f"{folder} has {MOST_NUMBERS} exports named {stem}"
    raise ExportError(msg, hint="choose another folder")


def _fill(path: Path, content: bytes) -> None:
    """Puts the content in the place of an empty file at once."""
    fd, name = tempfile.mkstemp(prefix=".", suffix=path.name, dir=path.parent)  # only its owner may read it
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        _remove([Path(name)])
        raise


def _remove(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()
