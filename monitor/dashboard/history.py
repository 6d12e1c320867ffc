"""The table of utterances, newest first."""

from collections.abc import Callable
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual
from textual.widgets import Static

from core.distribution import EMOTIONS
from monitor.dashboard import wording
from monitor.dashboard.bars import bar
from monitor.dashboard.paint import NARROW, printable
from monitor.dashboard.view_model import Heard, LostRow, Row

WIDE = 104
MEDIUM = 70
EMPTY = "   Each utterance will be listed here."


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, width in cells (0: what is left), and what it says of a reading."""

    title: Content
    width: int
    cell: Callable[[Heard], Content]


@dataclass(frozen=True, slots=True)
class Table:
    """What the history shows: rows from old to new, and the number shown for each stream (empty for one stream)."""

    rows: tuple[Row, ...] = ()
    numbers: tuple[tuple[str, str], ...] = ()


def columns(width: int) -> list[Column]:
    """The columns that fit into a width."""
    where = _column(
        "time",
        7 if width >= NARROW else 6,
        lambda h: wording.position(h.start_s or 0.0) + ("" if h.final else "…"),
        live="$voice",
    )
    length = _column("length", 8, lambda h: f"{h.length_s or 0.0:.1f} s")
    entropy = _column("entropy", 8, lambda h: f"{h.raw.entropy:.2f}" if h.raw else "")
    margin = _column("margin", 7, lambda h: f"{h.raw.margin:.2f}" if h.raw else "")
    latency = _column("latency", 8, lambda h: "" if h.latency_ms is None else wording.milliseconds(h.latency_ms))
    if width >= WIDE:
        cells = min((width - WIDE) // 10 + 4, 12)
        words = Column(Content.styled("   in words", "$quiet"), 0, _words)
        return [where, length, *_shares(cells), entropy, margin, latency, words]
    if width >= MEDIUM:
        cells = min((width - MEDIUM) // 4 + 2, 8)
        return [where, length, *_shares(cells), entropy, margin, latency]
    if width >= NARROW:
        return [where, length, *_shares(0), entropy]
    return [where, *_shares(0, gap=0)]


def titles(table: Table, width: int) -> Content:
    """The line above the rows."""
    tag = "  " if table.numbers else ""
    return Content.assemble(tag, *(column.title for column in columns(width - len(tag))))


def paint_row(row: Row, table: Table, width: int) -> Content:
    """One line of the table."""
    numbers = dict(table.numbers)
    tag = f"{numbers.get(row.stream, '?'):<2}" if numbers else ""
    fitting = columns(width - len(tag))
    if isinstance(row, LostRow):
        where = f"{wording.position(row.start_s):>{fitting[0].width}}"
        return Content.styled(f"{tag}{where}  {wording.loss(row)}", "$quiet")
    if row.heard.raw is None:
        where = fitting[0].cell(row.heard).plain
        return Content.styled(f"{tag}{where}  no reading: {row.heard.reason}", "$quiet")
    return Content.assemble(tag, *(column.cell(row.heard) for column in fitting))


class HistoryRows(ScrollView, can_focus=False):
    """The rows; only those on screen are painted. Rows that the reader scrolled to stay where they are."""

    def __init__(self) -> None:
        super().__init__()
        self._table = Table()

    def show(self, table: Table) -> None:
        """Shows other rows."""
        added = len(table.rows) - len(self._table.rows)
        self._table = table
        self._measure()
        if added and self.scroll_offset.y:
            self.scroll_to(y=self.scroll_offset.y + added, animate=False, immediate=True)
        self.refresh()

    def on_resize(self) -> None:
        """Fits the rows to another width."""
        self._measure()

    def _measure(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._table.rows))

    def render_line(self, y: int) -> Strip:
        """Paints the y-th visible line."""
        width = self.scrollable_content_region.width
        index = len(self._table.rows) - 1 - (self.scroll_offset.y + y)
        if index >= 0:
            content = printable(paint_row(self._table.rows[index], self._table, width))
        else:
            content = Content.styled("" if self._table.rows or y else EMPTY, "$quiet")
        strips = Visual.to_strips(self, content.truncate(width, ellipsis=True), width, 1, self.visual_style, pad=True)
        return strips[0] if strips else Strip.blank(width)


class History(Vertical):
    """Titles and rows."""

    BORDER_TITLE = "utterances, newest first"

    def __init__(self) -> None:
        super().__init__(id="history")
        self._table = Table()

    def compose(self) -> ComposeResult:
        """Titles above the rows."""
        yield Static(id="history-titles")
        yield HistoryRows()

    def show(self, table: Table) -> None:
        """Shows other rows, if they are others."""
        if table != self._table:
            self._table = table
            self.query_one(HistoryRows).show(table)
            self._title()

    def on_resize(self) -> None:
        """Fits the titles to another width."""
        self.call_after_refresh(self._title)

    def _title(self) -> None:
        width = self.query_one(HistoryRows).scrollable_content_region.width
        self.query_one("#history-titles", Static).update(titles(self._table, width))


def _column(title: str, width: int, text: Callable[[Heard], str], live: str = "") -> Column:
    """Right-aligned text; `live` is its style while someone still speaks."""

    def cell(heard: Heard) -> Content:
        return Content.styled(f"{text(heard):>{width}}", "" if heard.final else live)

    return Column(Content.styled(f"{title:>{width}}", "$quiet"), width, cell)


def _shares(cells: int, gap: int = 2) -> list[Column]:
    """A number and, where there is room, a bar for each emotion."""

    def share(index: int, name: str) -> Column:
        width = gap + 3 + (cells + 1 if cells else 0)

        def cell(heard: Heard) -> Content:
            value = tuple(heard.raw)[index] if heard.raw else 0.0
            number = f"{'':{gap}}{wording.percent(value):>3}"
            if not cells:
                return Content(number)
            return Content.assemble(number, " ", (f"{bar(value, cells):<{cells}}", f"${name} on $track"))

        label = name if width - gap >= len("happiness") else wording.SHORT[name] if gap else name[0].upper()
        title = f"{'':{gap}}{label:<{width - gap}}" if cells else f"{label:>{width}}"
        return Column(Content.styled(title, f"${name}"), width, cell)

    return [share(index, name) for index, name in enumerate(EMOTIONS)]


def _words(heard: Heard) -> Content:
    return Content.styled(f"   {wording.verdict(heard.raw)}" if heard.raw else "", "" if heard.final else "$voice")
