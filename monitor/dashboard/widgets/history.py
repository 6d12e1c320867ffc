"""The table of utterances, newest first."""

from collections.abc import Callable
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget
from textual.widgets import Static

from core.distribution import EMOTIONS
from core.verdict import verdict
from monitor.dashboard.paint import wording
from monitor.dashboard.paint.bars import bar
from monitor.dashboard.paint.text import NARROW, printable
from monitor.dashboard.state.rows import Heard, LostRow, Row
from monitor.dashboard.state.view import key, place_of

WIDE = 104
MEDIUM = 70
POINTER = "▸"
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
    cursor: int = 0
    """Place of the chosen row; 0 is the newest, which is followed."""

    def row(self, place: int) -> Row | None:
        """The row at a place, 0 is the newest."""
        return self.rows[-1 - place] if 0 <= place < len(self.rows) else None


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
    tag = "   " if table.numbers else " "
    return Content.assemble(tag, *(column.title for column in columns(width - len(tag))))


def paint_row(row: Row, table: Table, width: int, *, chosen: bool = False) -> Content:
    """One line of the table; the chosen one has a pointer and a ground of its own."""
    numbers = dict(table.numbers)
    tag = f"{numbers.get(row.stream, '?'):<2}" if numbers else ""
    tag = (POINTER if chosen else " ") + tag
    content = _row(row, tag, width)
    if not chosen:
        return content
    return content.truncate(width, ellipsis=True, pad=True).stylize_before("on $panel")


def _row(row: Row, tag: str, width: int) -> Content:
    fitting = columns(width - len(tag))
    if isinstance(row, LostRow):
        where = f"{wording.position(row.start_s):>{fitting[0].width}}"
        return Content.styled(f"{tag}{where}  {wording.loss(row)}", "$quiet")
    if row.heard.raw is None:
        where = fitting[0].cell(row.heard).plain
        return Content.styled(f"{tag}{where}  no reading: {row.heard.reason}", "$quiet")
    return Content.assemble(tag, *(column.cell(row.heard) for column in fitting))


class HistoryRows(ScrollView, can_focus=False):
    """The rows; only those on screen are painted. Rows that the reader went to stay where they are."""

    class Chosen(Message):
        """Someone clicked a row, twice where its details are wanted."""

        def __init__(self, place: int, *, details: bool) -> None:
            super().__init__()
            self.place, self.details = place, details

    def __init__(self) -> None:
        super().__init__()
        self._table = Table()

    def show(self, table: Table) -> None:
        """Shows other rows, or another cursor."""
        before, self._table = self._table, table
        top = self.scroll_offset.y
        anchor = before.row(top) if top or table.cursor else None
        if before.rows is table.rows and before.numbers == table.numbers:
            for place in {before.cursor, table.cursor}:
                if top <= place < top + self.page:
                    self.refresh_line(place)
            return
        self._measure()
        if anchor:
            self.scroll_to(y=place_of(key(anchor), table.rows) or 0, animate=False, immediate=True)
        self.refresh()

    @property
    def page(self) -> int:
        """Rows on screen."""
        return max(self.scrollable_content_region.height, 1)

    def reveal(self) -> None:
        """Scrolls as little as it takes to have the chosen row in sight."""
        place, top = self._table.cursor, self.scroll_offset.y
        self.scroll_to(y=min(max(top, place - self.page + 1), place), animate=False, immediate=True)

    def on_resize(self) -> None:
        """Fits the rows to another size, the chosen one in sight."""
        self._measure()
        if self._table.cursor:
            self.reveal()

    def on_click(self, event: events.Click) -> None:
        """Chooses the row below the pointer."""
        offset = event.get_content_offset(self)
        place = self.scroll_offset.y + offset.y if offset else -1
        if self._table.row(place):
            self.post_message(self.Chosen(place, details=event.chain > 1))

    def _measure(self) -> None:
        rows = len(self._table.rows)
        size = Size(self.scrollable_content_region.width, rows)
        if self.show_vertical_scrollbar and rows > self.page and size.width == self.virtual_size.width:
            # One row more in a table that scrolls already changes nothing else, so nothing is laid out anew.
            self.set_reactive(Widget.virtual_size, size)
            self.vertical_scrollbar.window_virtual_size = rows
        else:
            self.virtual_size = size

    def render_line(self, y: int) -> Strip:
        """Paints the y-th visible line."""
        width = self.scrollable_content_region.width
        place = self.scroll_offset.y + y
        row = self._table.row(place)
        if row:
            content = printable(paint_row(row, self._table, width, chosen=place == self._table.cursor))
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
        self.query_one("#history-titles", Static).update(titles(self._table, width), layout=False)


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
    words = f"   {verdict(heard.raw, heard.worth)}" if heard.raw else ""
    return Content.styled(words, "" if heard.final else "$voice")
