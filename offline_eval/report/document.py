"""What a report is made of, before it becomes Markdown or a page: both show the same words and numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Plain text; a `warning` is set off, as what must not be missed."""

    text: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """Plain texts, one below the other; `numbered` ones are referred to by their number."""

    texts: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Terms and what is said of each."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """A value, and its interval or another remark of less weight."""

    text: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: what it is of, and its cells."""

    header: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that belong together, under a title of their own unless it is empty."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        caption: What it shows.
        corner: What its rows are.
        columns: What stands above the cells.
        groups: Of rows.
        words: Whether cells hold words, not numbers.
    """

    caption: str
    corner: str
    columns: tuple[str, ...]
    groups: tuple[Group, ...]
    words: bool = False

    @classmethod
    def plain(cls, caption: str, corner: str, columns: Sequence[str], rows: Sequence[Row]) -> "Table":
        """With one group."""
        return cls(caption=caption, corner=corner, columns=tuple(columns), groups=(Group("", tuple(rows)),))


@dataclass(frozen=True, slots=True)
class Panel:
    """What draws an `svg` element, and what it says to those who do not see it."""

    draw: Callable[[], str]
    alt: str


@dataclass(frozen=True, slots=True)
class Figure:
    """Drawings side by side, and what to see in them."""

    panels: tuple[Panel, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks that are shown on demand."""

    title: str
    blocks: "tuple[Block, ...]"


Block = Paragraph | Listing | Facts | Table | Figure | Fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part with a heading.

    Attributes:
        anchor: Unique within the document.
        title: The heading.
        blocks: In order.
    """

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A report."""

    title: str
    sections: tuple[Section, ...]
