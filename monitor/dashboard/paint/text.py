"""Pieces of text that all painters are made of."""

from collections.abc import Sequence

from textual.content import Content

NARROW = 44
"""Below this many cells, labels are letters and only one number is shown."""


def line(text: str, style: str, _width: int) -> Content:
    """One line of text."""
    return Content.styled(text, style)


def lines(*parts: Content) -> Content:
    """Lines one below the other."""
    return Content("\n").join(parts)


def spread(left: Content, right: Content, width: int) -> Content:
    """Left and right text at the two ends of a line; what does not fit on the right is left out."""
    gap = width - left.cell_length - right.cell_length
    return Content.assemble(left, " " * gap, right) if gap >= 1 else left


def fitting(width: int, choices: Sequence[str]) -> str:
    """The first choice that fits, else the last one."""
    return next((choice for choice in choices if len(choice) <= width), choices[-1])


def printable(content: Content) -> Content:
    """The same text with control characters, which could come from outside, made visible instead of sent."""
    text = content.plain
    if text.replace("\n", "").isprintable():
        return content
    safe = "".join(char if char == "\n" or char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return Content(safe, list(content.spans))
