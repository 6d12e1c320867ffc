"""Finding and reading the files of a data set."""

import csv
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import UsageError

SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
"""What counts as a sound file; of copies in several formats, the first of these is taken."""

NOT_UNDERSTOOD = "file name not understood"
COPY = "another file of the same name"

_LFS_POINTER = b"version https://git-lfs"
_LFS_POINTER_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: cells by column name in lower case, and file and line for messages."""

    where: str
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells[column]

    def get(self, column: str) -> str | None:
        """The cell, or None where the column is absent or the cell empty."""
        return self.cells.get(column) or None


@dataclass(frozen=True, slots=True)
class Table:
    """A table in memory; column names are in lower case, cells without spaces around them."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def filled(self, *columns: str) -> tuple[Row, ...]:
        """The rows, in which none of these columns is empty.

        Raises:
            UsageError: A column is absent, or a cell is empty.
        """
        if missing := [column for column in columns if column not in self.columns]:
            msg = f"{self.path}: no column {', '.join(missing)}"
            raise UsageError(msg, hint=f"needed: {', '.join(columns)}")
        for row in self.rows:
            if empty := [column for column in columns if not row[column]]:
                msg = f"{row.where}: {', '.join(empty)} is empty"
                raise UsageError(msg)
        return self.rows


@dataclass(frozen=True, slots=True)
class Named:
    """Sound files whose names follow a corpus's pattern.

    Attributes:
        files: Path and the parts of its name, one of each name, sorted.
        skipped: Number of other sound files, by reason.
    """

    files: tuple[tuple[Path, re.Match[str]], ...]
    skipped: Counter[str]


def read_table(path: Path, *, delimiter: str = ",", quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> Table:
    """Reads a table with a header, UTF-8 with or without a byte order mark.

    Raises:
        UsageError: It cannot be read, or a row has more cells than the header.
    """
    try:
        refuse_pointer(path)
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, delimiter=delimiter, quoting=quoting)
            columns = tuple(name.strip().lower() for name in next(reader, []))
            rows = tuple(_row(cells, columns, f"{path}, line {reader.line_num}") for cells in reader if cells)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"{path}: cannot be read as a table: {error}"
        raise UsageError(msg) from error
    return Table(path, columns, rows)


def existing(path: Path, where: str) -> Path:
    """The path of a file that a row names.

    Raises:
        UsageError: It is absent, or only a Git LFS pointer.
    """
    if not path.is_file():
        msg = f"{where}: no file {path}"
        raise UsageError(msg, hint="paths are relative to the table's folder")
    refuse_pointer(path)
    return path


def sound_files(root: Path) -> list[Path]:
    """All sound files below a folder, sorted; without hidden ones such as the `._` files of macOS."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        found += [
            Path(folder, name) for name in files if not name.startswith(".") and name.lower().endswith(SOUND_SUFFIXES)
        ]
    return sorted(found, key=lambda path: (SOUND_SUFFIXES.index(path.suffix.lower()), path))


def named_files(root: Path, pattern: re.Pattern[str], layout: str) -> Named:
    """The sound files below a folder whose names, without the suffix, match a pattern as a whole.

    Args:
        root: The folder.
        pattern: Of the name.
        layout: What such a folder looks like, for the message.

    Raises:
        UsageError: There is none, or one is only a Git LFS pointer.
    """
    files: dict[str, tuple[Path, re.Match[str]]] = {}
    skipped = Counter[str]()
    for path in sound_files(root):
        match = pattern.fullmatch(path.stem)
        if match is None:
            skipped[NOT_UNDERSTOOD] += 1
        elif path.stem.lower() in files:
            skipped[COPY] += 1
        else:
            refuse_pointer(path)
            files[path.stem.lower()] = path, match
    if not files:
        msg = f"{root}: no sound file named as in {layout}"
        raise UsageError(msg, hint="is this the folder that was unpacked?")
    return Named(tuple(files[name] for name in sorted(files)), skipped)


def refuse_pointer(path: Path) -> None:
    """Refuses what a clone without Git LFS has in place of a file.

    Raises:
        UsageError: The file is a Git LFS pointer.
    """
    if path.stat().st_size > _LFS_POINTER_BYTES:
        return
    with path.open("rb") as file:
        if file.read(len(_LFS_POINTER)) == _LFS_POINTER:
            msg = f"{path}: a Git LFS pointer, not the file itself"
            raise UsageError(msg, hint="run `git lfs pull` where the data was cloned")


def _row(cells: list[str], columns: tuple[str, ...], where: str) -> Row:
    if len(cells) > len(columns):
        msg = f"{where}: more cells than the header"
        raise UsageError(msg, hint="put text that holds the separator into quotes")
    padded = [cell.strip() for cell in cells] + [""] * (len(columns) - len(cells))
    return Row(where, dict(zip(columns, padded, strict=True)))
