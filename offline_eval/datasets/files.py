"""Finding and reading the files of a data set."""

import codecs
import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from core.errors import UsageError
from core.sound.folder import files_below
from core.stand_in import refuse_stand_in
from offline_eval.datasets.delimited import Record, UnreadableRowError, records

SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
"""What counts as a sound file; of copies in several formats, the first of these is taken."""

NOT_UNDERSTOOD = "file name not understood"
COPY = "another file of the same name"

TABLE_SUFFIXES = (".csv", ".tsv")
"""What counts as a table among other files."""

MOST_VOTES = 100_000
"""A clip with more of one kind has none that were counted."""

_LFS_POINTER_BYTES = 1024
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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

    def count(self, column: str) -> int:
        """The cell as a number of votes.

        Raises:
            UsageError: It is something else.
        """
        cell = self.cells[column]
        if not (cell.isdecimal() and len(cell) <= len(str(MOST_VOTES)) and int(cell) <= MOST_VOTES):
            msg = f"{self.where}: {column} {cell!r} is not a number of votes"
            raise UsageError(msg)
        return int(cell)


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


def read_table(path: Path, *, separator: str | None = None, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> Table:
    """Reads a table with a header, in UTF-8 with or without a byte order mark, or in UTF-16 with one.

    Args:
        path: The file.
        separator: Of cells; None: what the table itself shows, see `records`.
        quoting: See `records`.

    Raises:
        UsageError: It cannot be read, two columns have one name, or a row has more cells than the header.
    """
    try:
        refuse_stand_in(path, "a table", UsageError)
        found = list(records(_text(path), separator=separator, quoting=quoting))
    except UnreadableRowError as error:
        msg = f"{path}, line {error.line}: {error}"
        raise UsageError(
            msg, hint='text in quotes ends with one, and a quote inside of it is written twice: ""'
        ) from None
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise UsageError(msg) from error
    header = found[0].cells if found else ()
    columns = tuple(name.lower() for name in header)
    refuse_same_columns(columns, path)
    return Table(path, columns, tuple(_row(record, columns, path) for record in found[1:]))


def read_lines(path: Path) -> list[str]:
    """The lines of a text in UTF-8 or, where it is none, Latin-1; a byte of Latin-1 never ends a line.

    Raises:
        UsageError: It cannot be read, or something else lies in its place.
    """
    try:
        refuse_stand_in(path, "the file itself", UsageError)
        data = path.read_bytes()
    except OSError as error:
        msg = f"{path}: cannot be read: {error.strerror}"
        raise UsageError(msg) from error
    return lines_of(data)


def lines_of(data: bytes) -> list[str]:
    """See `read_lines`."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return re.split(r"\r\n|\r|\n", text)


def refuse_same_columns(columns: Sequence[str], path: Path) -> None:
    """Refuses a header in which nobody can tell which of two columns is meant.

    Raises:
        UsageError: Two columns have the same name.
    """
    if same := [name for name, number in Counter(columns).items() if name and number > 1]:
        msg = f"{path}: two columns are called {same[0]}"
        raise UsageError(msg, hint="keep one of them, or give the other one another name")


def existing(folder: Path, name: str, where: str) -> Path:
    """The path of a file that a row names, see `located`.

    Raises:
        UsageError: It is absent, or only a Git LFS pointer.
    """
    path = located(folder, name)
    try:
        if path.is_file():
            refuse_pointer(path)
            return path
        reason = "no file"
    except OSError as error:
        reason = f"{error.strerror}:"
    msg = f"{where}: {reason} {path}"
    raise UsageError(msg, hint="paths are relative to the table's folder")


def located(folder: Path, name: str) -> Path:
    """A path relative to a folder, as it was written on another machine.

    Parts may be parted by backslashes, and letters with marks be composed (as most programs write them) or decomposed
    (as those of macOS do). What is not there stays as it is written.
    """
    path = folder
    if is_there(folder / name):
        return folder / name
    for part in PurePosixPath(name.replace("\\", "/")).parts:
        forms = (part, unicodedata.normalize("NFC", part), unicodedata.normalize("NFD", part))
        path = next((path / form for form in forms if is_there(path / form)), path / part)
    return path


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; not so of what can be no name, such as one that is too long."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def sound_files(root: Path) -> list[Path]:
    """All sound files below a folder, sorted; see `files_below`."""
    found = [path for path in files_below(root) if path.name.lower().endswith(SOUND_SUFFIXES)]
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
    """Refuses what a clone without Git LFS has in place of a file; larger files are not opened.

    Raises:
        UsageError: The file is a Git LFS pointer, or as small and a web page.
    """
    if path.stat().st_size <= _LFS_POINTER_BYTES:
        refuse_stand_in(path, "the file itself", UsageError)


def _text(path: Path) -> str:
    data = path.read_bytes()
    reason, hint = "a workbook or an archive", "save it as CSV UTF-8"
    if not data.startswith(_WORKBOOKS):
        try:
            text = data.decode("utf-16" if data.startswith(_UTF_16) else "utf-8-sig")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            reason = f"line {line} is not {error.encoding.upper()}"
        else:
            if "\0" not in text:
                return text
            reason = "NUL characters, as in UTF-16 without its mark"
    msg = f"{path}: cannot be read as a table: {reason}"
    raise UsageError(msg, hint=hint)


def _row(record: Record, columns: tuple[str, ...], path: Path) -> Row:
    where = f"{path}, line {record.line}"
    if any(record.cells[len(columns) :]):
        msg = f"{where}: more cells than the header"
        raise UsageError(msg, hint="put text that holds the separator into quotes")
    cells: dict[str, str] = {}
    for column, cell in zip(columns, (*record.cells, *[""] * len(columns)), strict=False):
        cells.setdefault(column, cell)  # columns without a name are one
    return Row(where, cells)
