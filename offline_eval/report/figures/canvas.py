"""Drawing with matplotlib for a page that may be light or dark: colours are names until the page gives them values."""

import re
from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET, LINE, CARD, ACCENT, OTHER = "#010101", "#010102", "#010103", "#010104", "#010105", "#010106"
EMOTION_COLORS = {"anger": "#010107", "happiness": "#010108", "sadness": "#010109", "neutral": "#01010a"}
"""Stand-ins: matplotlib wants numbers, the page's style sheet knows the colours of both themes."""

_NAMES = {
    INK: "var(--ink)",
    QUIET: "var(--quiet)",
    LINE: "var(--line)",
    CARD: "var(--card)",
    ACCENT: "var(--accent)",
    OTHER: "var(--other)",
    **{stand_in: f"var(--{emotion})" for emotion, stand_in in EMOTION_COLORS.items()},
}
_WIDTH = 420
_POINTS_PER_INCH = 72
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 11,
}
_REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')
_PROLOGUE = re.compile(r".*?(?=<svg )", re.DOTALL)
_OF_A_FILE = re.compile(r"\s*<metadata>.*?</metadata>|\s*<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_NAMESPACES = re.compile(r'\s(xmlns(:\w+)?|version|width|height)="[^"]*"')
_FONT = re.compile(r"font-family: [^;\"]*;?\s*")


def drawn(name: str, draw: Callable[["Axes"], None], *, height: float = 330) -> str:
    """An `svg` element, to be part of a page.

    Args:
        name: Unique within the page: ids within the element begin with it.
        draw: What draws.
        height: In CSS pixels, at a width of 420.
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(["default", {**_STYLE, "svg.hashsalt": name}]):
        figure = Figure(figsize=(_WIDTH / _POINTS_PER_INCH, height / _POINTS_PER_INCH), layout="constrained")
        draw(figure.subplots())
        file = StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return _embedded(file.getvalue(), name)


def _embedded(svg: str, name: str) -> str:
    """Without what only a file of its own needs, and with colours and ids of the page."""
    svg = _OF_A_FILE.sub("", _PROLOGUE.sub("", svg, count=1)).replace("xlink:href", "href")
    head, _, body = svg.partition(">")
    body = _REFERENCE.sub(rf"\g<1>{name}-", body)
    body = _FONT.sub("", body)
    for stand_in, color in _NAMES.items():
        body = body.replace(stand_in, color)
    return f"{_NAMESPACES.sub('', head)}>{body.strip()}"
