"""Paints columns of a stream's past as cells: the stacked chart, the marks below it, and the axis. Pure.

Colour never stands alone: bands keep their order and carry their letters, and in plain text they are letters.
"""

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from textual.content import Content

from core.distribution import EMOTIONS
from monitor.dashboard.paint import wording
from monitor.dashboard.paint.stack import EIGHTHS, LOWER_BLOCKS, cell, tops, whole_rows
from monitor.dashboard.paint.text import fitting
from monitor.dashboard.state.columns import Column, Window

STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
"""Seconds that may lie between two labels of the axis."""
LABEL_GAP = 4
LETTERS = tuple(name[0] for name in EMOTIONS)


class Cell(NamedTuple):
    """One character; ink and ground are names of theme variables, empty for the usual ones."""

    char: str = " "
    ink: str = ""
    ground: str = ""
    bold: bool = False


class Glyphs(NamedTuple):
    """The signs of the marks and the axis."""

    read: str
    running: str
    unread: str
    lost: str
    note: str
    chosen: str
    chosen_mark: str
    tick: str
    times: str
    fill: str


RICH = Glyphs("━", "╍", "?", "\N{BOX DRAWINGS LIGHT DIAGONAL CROSS}", "▲", "━", "▴", "╵", wording.TIMES, "╌")
PLAIN = Glyphs("-", ".", "?", "x", "^", "=", "*", "|", "x", "-")

Line = list[Cell]


def lines(columns: Sequence[Column], window: Window, rows: int, *, plain: bool, zero_at: float | None) -> list[Line]:
    """The chart's rows from the top, then the marks, then the axis.

    Args:
        columns: What to show.
        window: Where that is in the stream.
        rows: Height of the chart.
        plain: Use ASCII without colour.
        zero_at: The axis shows the time of day, counted from here; None: seconds of the stream.
    """
    glyphs = PLAIN if plain else RICH
    return [*chart(columns, rows, plain=plain), marks(columns, glyphs), axis(columns, window, glyphs, zero_at)]


def chart(columns: Sequence[Column], rows: int, *, plain: bool) -> list[Line]:
    """The stacks; where there is no reading, the reason."""
    if rows < 1:
        return []
    stacked = [_stack(column, rows, plain=plain) for column in columns]
    painted: list[Line] = [[cells[row] for cells in stacked] for row in range(rows)]
    middle = painted[(rows - 1) // 2]
    place = 0
    for (reason, lost), run in groupby(columns, key=lambda c: ("", False) if c.shares else (c.reason, c.lost)):
        length = len(group := list(run))
        if reason:
            text = _reason(reason, sum(column.times for column in group), length, PLAIN if plain else RICH, lost=lost)
            ink = "warning" if any(column.worrying for column in group) else "quiet"
            middle[place : place + length] = [Cell(char, ink) for char in text]
        place += length
    return painted


def marks(columns: Sequence[Column], glyphs: Glyphs) -> Line:
    """One row: speech, losses, notes, and the utterance under the cursor."""
    return [_mark(column, glyphs) for column in columns]


def axis(columns: Sequence[Column], window: Window, glyphs: Glyphs, zero_at: float | None) -> Line:
    """The times, and that of the chosen utterance."""
    line = [Cell() for _ in columns]

    def label(place: int, text: str, ink: str, *, bold: bool = False) -> None:
        for at, char in enumerate(text, start=place):
            if at < len(line):
                line[at] = Cell(char, ink, "", bold)

    longest = len(glyphs.tick + time_label(window.end_s, zero_at))
    step_s = next((step for step in STEPS_S if step / window.column_s >= longest + LABEL_GAP), STEPS_S[-1])
    for tick in range(math.ceil(window.start_s / step_s), math.ceil(window.end_s / step_s)):
        place = math.floor(tick * step_s / window.column_s) - window.first
        text = glyphs.tick + time_label(tick * step_s, zero_at)
        if 0 <= place <= len(line) - len(text):
            label(place, text, "quiet")
    chosen = [place for place, column in enumerate(columns) if column.chosen]
    if chosen:
        text = glyphs.chosen_mark + time_label(window.start_s + chosen[0] * window.column_s, zero_at)
        place = max(min(chosen[len(chosen) // 2], len(line) - len(text)), 0)
        # A label that the cursor's own would cut goes altogether.
        first, last = place - 1, place + len(text)
        while 0 <= first < len(line) and line[first].char != " ":
            line[first] = Cell()
            first -= 1
        while last < len(line) and line[last].char not in {" ", glyphs.tick}:
            line[last] = Cell()
            last += 1
        label(place, text, "accent", bold=True)
    return line


def time_label(second_s: float, zero_at: float | None) -> str:
    """A place in the stream, or the time of day there."""
    if zero_at is None:
        return wording.position(second_s)
    try:
        return f"{datetime.fromtimestamp(zero_at + second_s).astimezone():%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return wording.position(second_s)


def legend(*, plain: bool, width: int) -> Content:
    """Which band is which emotion, in as many letters as fit."""
    for names in (EMOTIONS, tuple(wording.SHORT.values()), ("",) * len(EMOTIONS)):
        parts = []
        for letter, emotion, name in zip(LETTERS, EMOTIONS, names, strict=True):
            sign = letter if plain else f" {letter} "
            style = "" if plain else f"bold $background on ${emotion}"
            parts.append(Content.assemble((sign, style), f" {name}" if name else ""))
        content = Content("  " if names[0] else " ").join(parts)
        if content.cell_length <= width:
            return content
    return Content.empty()


def losses(columns: Sequence[Column], *, plain: bool) -> str:
    """What in sight got no reading, by reason."""
    glyphs = PLAIN if plain else RICH
    times: dict[str, int] = {}
    for column in columns:
        if column.lost:
            times[column.reason] = times.get(column.reason, 0) + column.times
    return ", ".join(
        f"{glyphs.lost} {reason}" + (f" {glyphs.times}{n}" if n > 1 else "") for reason, n in times.items()
    )


def zoom_label(column_s: float) -> str:
    """How long a column lasts."""
    return f"{column_s:g} s a column"


def _stack(column: Column, rows: int, *, plain: bool) -> Line:
    """One column of cells from the top."""
    shares = column.shares
    if shares is None:
        return [Cell()] * rows
    if plain:
        return [Cell(LETTERS[band]) for band in reversed(whole_rows(shares, rows))]
    ends = tops(shares, rows)
    bands = [cell(ends, row) for row in range(rows - 1, -1, -1)]
    letters = _letter_rows(bands) if column.lettered else {}
    return [_block(*shown, letters.get(row)) for row, shown in enumerate(bands)]


def _block(lower: int, upper: int, eighths: int, letter: str | None) -> Cell:
    if eighths == EIGHTHS:
        ground = EMOTIONS[lower]
        return Cell(letter, "background", ground, bold=True) if letter else Cell(" ", "", ground)
    return Cell(LOWER_BLOCKS[eighths], EMOTIONS[lower], EMOTIONS[upper])


def _letter_rows(bands: Sequence[tuple[int, int, int]]) -> dict[int, str]:
    """The row in which each band that fills a cell has its letter: the middle one."""
    full: dict[int, list[int]] = {}
    for row, (band, _, eighths) in enumerate(bands):
        if eighths == EIGHTHS:
            full.setdefault(band, []).append(row)
    return {rows[len(rows) // 2]: LETTERS[band] for band, rows in full.items()}


def _reason(reason: str, times: int, length: int, glyphs: Glyphs, *, lost: bool) -> str:
    """Why there is no reading, in the longest form that fits into so many cells."""
    glyph = glyphs.lost if lost else glyphs.unread
    count = f" {glyphs.times}{times}" if times > 1 else ""
    choices = (f" {glyph} {reason}{count} ", f" {glyph} {reason} ", f"{glyph}{count} ", f"{glyph}{count[1:]}", glyph)
    text = fitting(length, choices)
    text = text if text.isascii() or glyphs is RICH else text.encode("ascii", "replace").decode()
    return text.center(length, glyphs.fill)


def _mark(column: Column, glyphs: Glyphs) -> Cell:
    if column.noted:
        found = Cell(glyphs.note, "accent", "", bold=True)
    elif column.lost:
        found = Cell(glyphs.lost, "warning" if column.worrying else "quiet")
    elif column.reason:
        found = Cell(glyphs.unread, "quiet")
    elif column.speech:
        done = any(column.weights) and not column.interim
        found = Cell(glyphs.read if done else glyphs.running, "voice")
    else:
        found = Cell()
    if not column.chosen:
        return found
    char = glyphs.chosen if found.char in {glyphs.read, glyphs.running, " "} else found.char
    return Cell(char, "background", "accent", bold=True)
