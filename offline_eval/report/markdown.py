"""A document as Markdown, without its figures."""

import re
from collections.abc import Iterator

from offline_eval.report.document import Block, Cell, Document, Facts, Figure, Fold, Listing, Paragraph, Table

_SPECIAL = re.compile(r"([\\`*|<>])")


def as_markdown(document: Document) -> str:
    """GitHub's Markdown; figures are left to the page, their captions too."""
    parts = [f"# {_plain(document.title)}"]
    for section in document.sections:
        blocks = [text for block in section.blocks for text in _block(block, depth=3)]
        if blocks:
            parts += [f"## {_plain(section.title)}", *blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Block, depth: int) -> Iterator[str]:
    match block:
        case Paragraph(text, warning):
            yield f"{'> ' if warning else ''}{_plain(text)}"
        case Listing(texts, numbered):
            yield "\n".join(f"{f'{n}.' if numbered else '-'} {_plain(text)}" for n, text in enumerate(texts, start=1))
        case Facts(rows):
            yield "\n".join(f"- {_plain(term)}: {_plain(said)}" for term, said in rows)
        case Table():
            yield f"{'#' * depth} {_plain(block.caption)}"
            yield "\n".join(_table(block))
        case Fold(title, blocks):
            yield f"{'#' * depth} {_plain(title)}"
            for inner in blocks:
                yield from _block(inner, depth + 1)
        case Figure():
            pass


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(map(_plain, (table.corner, *table.columns)))} |"
    yield f"|---|{('---|' if table.words else '---:|') * len(table.columns)}"
    for group in table.groups:
        if group.title:
            yield f"| **{_plain(group.title)}** |{' |' * len(table.columns)}"
        for row in group.rows:
            yield f"| {' | '.join([_plain(row.header), *map(_cell, row.cells)])} |"


def _cell(cell: Cell) -> str:
    return _plain(" ".join(filter(None, (cell.text, cell.detail))))


def _plain(text: str) -> str:
    """Text without what Markdown would take for its own."""
    return _SPECIAL.sub(r"\\\1", text)
