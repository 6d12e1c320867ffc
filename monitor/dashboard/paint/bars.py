"""Bars of text with a resolution finer than a character cell."""

EIGHTHS = "▏▎▍▌▋▊▉"


def bar(share: float, width: int) -> str:
    """A bar of `share` (0..1) of `width` cells, to an eighth of a cell, without padding.

    A share above zero always shows at least the thinnest sliver, so that little is told from nothing.
    """
    if share <= 0 or width <= 0:
        return ""
    eighths = max(round(min(share, 1.0) * width * 8), 1)
    full, rest = divmod(eighths, 8)
    return "█" * full + (EIGHTHS[rest - 1] if rest else "")


def line(share: float, width: int) -> str:
    """A thin line of `share` (0..1) of `width` cells, to half a cell, without padding."""
    if share <= 0 or width <= 0:
        return ""
    halves = max(round(min(share, 1.0) * width * 2), 1)
    full, rest = divmod(halves, 2)
    return "━" * full + "╸" * rest


def mark(share: float, width: int) -> int:
    """The cell, 0..width - 1, in which a mark at `share` (0..1) of `width` cells falls."""
    return min(int(min(max(share, 0.0), 1.0) * width), max(width - 1, 0))
