"""Tables in text, as programs and spreadsheets save them: what separates cells, and where rows begin."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from typing import Literal

SEPARATORS = (",", ";", "\t")

_NAMES_SEPARATOR = re.compile(r'"?sep=([,;\t|])"?[,;\t|]*', re.IGNORECASE)
"""A first line of some spreadsheets."""
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of a row, or of the header, and the line it begins in; lines count from 1."""

    line: int
    cells: tuple[str, ...]


class UnreadableRowError(ValueError):
    """A row whose cells cannot be told from each other.

    Attributes:
        line: Where it begins.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def records(text: str, *, separator: str | None = None, quoting: Literal[0, 3] = csv.QUOTE_MINIMAL) -> Iterator[Record]:
    """The header and the rows; without blank ones, whose cells are all empty.

    A cell in quotes may go on over several lines, but for the header's. Where the first and the last of them have as
    many separators as the header, they are rows of their own that a quote, opened and not closed, has made one.

    Args:
        text: Of the table.
        separator: Of cells; None: the one that a first line `sep=;` names, else that which the header has most of.
        quoting: QUOTE_NONE where quotes are characters like others.

    Raises:
        UnreadableRowError: A quote is not closed, or followed by more text; or the header has a line break.
    """
    lines = list(StringIO(text, newline=""))
    start = 0
    if separator is None:
        start, separator = _layout(lines)
    columns = 0
    reader = csv.reader(lines[start:], delimiter=separator, quoting=quoting, skipinitialspace=True, strict=True)
    while (first := start + reader.line_num) < len(lines):
        try:
            cells = tuple(cell.strip() for cell in next(reader))
        except csv.Error as error:
            msg = f"its quotes are not understood: {error}"
            raise UnreadableRowError(first + 1, msg) from error
        last = start + reader.line_num - 1
        if last > first and not columns:
            msg = "the header goes over several lines: a quote is not closed, or a name has a line break"
            raise UnreadableRowError(first + 1, msg)
        columns = columns or len(cells)
        if last > first and all(lines[n].count(separator) >= columns - 1 for n in (first, last)):
            msg = f"a quote is not closed before line {last + 1}, which looks like another row"
            raise UnreadableRowError(first + 1, msg)
        if any(cells):
            yield Record(first + 1, cells)


def _layout(lines: list[str]) -> tuple[int, str]:
    """The index of the first line of the table, and the separator."""
    first = next((line for line in lines if line.strip()), "")
    if named := _NAMES_SEPARATOR.fullmatch(first.strip("\r\n")):
        return lines.index(first) + 1, named[1]
    return 0, max(SEPARATORS, key=_QUOTED.sub("", first).count)
