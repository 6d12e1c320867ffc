"""A document as one HTML page that needs nothing else: no network, no script, no font."""

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from itertools import count

from offline_eval.report.document import (
    Block,
    Cell,
    Document,
    Facts,
    Figure,
    Fold,
    Group,
    Listing,
    Paragraph,
    Section,
    Table,
)

_STYLE = "page.css"


def as_page(document: Document) -> str:
    """HTML 5: light or dark as the reader's system is, figures within."""
    style = files("offline_eval.report").joinpath(_STYLE).read_text(encoding="utf-8")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{escape(document.title)}</title>",
            f"<style>\n{style}</style>",
            "</head>",
            "<body>",
            '<a class="skip" href="#content">Skip to the content</a>',
            "<header>",
            f"<h1>{escape(document.title)}</h1>",
            '<nav aria-label="Sections">',
            "<ul>",
            *(f'<li><a href="#{one.anchor}">{escape(one.title)}</a></li>' for one in document.sections),
            "</ul>",
            "</nav>",
            "</header>",
            '<main id="content">',
            *(line for section in document.sections for line in _section(section)),
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _section(section: Section) -> Iterator[str]:
    numbers = count(1)
    yield f'<section id="{section.anchor}" aria-labelledby="{section.anchor}-title">'
    yield f'<h2 id="{section.anchor}-title">{escape(section.title)}</h2>'
    for block in section.blocks:
        yield from _block(block, section.anchor, numbers)
    yield "</section>"


def _block(block: Block, anchor: str, numbers: Iterator[int]) -> Iterator[str]:
    match block:
        case Paragraph(text, warning):
            yield f'<p class="warning">{escape(text)}</p>' if warning else f"<p>{escape(text)}</p>"
        case Listing(texts, numbered):
            kind = "ol" if numbered else "ul"
            yield f"<{kind}>"
            yield from (f"<li>{escape(text)}</li>" for text in texts)
            yield f"</{kind}>"
        case Facts(rows):
            yield "<dl>"
            yield from (f"<div><dt>{escape(term)}</dt><dd>{escape(said)}</dd></div>" for term, said in rows)
            yield "</dl>"
        case Table():
            yield from _table(block, f"{anchor}-{next(numbers)}")
        case Figure():
            yield from _figure(block)
        case Fold(title, blocks):
            yield "<details>"
            yield f"<summary>{escape(title)}</summary>"
            for inner in blocks:
                yield from _block(inner, anchor, numbers)
            yield "</details>"


def _table(table: Table, name: str) -> Iterator[str]:
    yield f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{name}">'
    yield '<table class="words">' if table.words else "<table>"
    yield f'<caption id="{name}">{escape(table.caption)}</caption>'
    heads = "".join(f'<th scope="col">{escape(column)}</th>' for column in (table.corner, *table.columns))
    yield f"<thead><tr>{heads}</tr></thead>"
    for group in table.groups:
        yield from _group(group, len(table.columns))
    yield "</table>"
    yield "</div>"


def _group(group: Group, columns: int) -> Iterator[str]:
    yield "<tbody>"
    if group.title:
        title = f'<th scope="rowgroup" colspan="{columns + 1}"><span>{escape(group.title)}</span></th>'
        yield f'<tr class="group">{title}</tr>'
    for row in group.rows:
        yield f'<tr><th scope="row">{escape(row.header)}</th>{"".join(map(_cell, row.cells))}</tr>'
    yield "</tbody>"


def _cell(cell: Cell) -> str:
    detail = f" <small>{escape(cell.detail)}</small>" if cell.detail else ""
    return f"<td>{escape(cell.text)}{detail}</td>"


def _figure(figure: Figure) -> Iterator[str]:
    yield "<figure>"
    yield '<div class="panels">'
    for panel in figure.panels:
        alt = escape(panel.alt)
        yield panel.draw().replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)
    yield "</div>"
    yield f"<figcaption>{escape(figure.caption)}</figcaption>"
    yield "</figure>"
