"""Where distributions lie between the four emotions, and which emotion is taken for which."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from core.distribution import EMOTIONS
from offline_eval.report.document import Panel
from offline_eval.report.figures.canvas import ACCENT, LINE, QUIET, drawn
from offline_eval.report.words import number
from offline_eval.scoring.metrics.sample import Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CORNERS = {"anger": (-1, 1), "happiness": (1, 1), "sadness": (-1, -1), "neutral": (1, -1)}
"""Emotions that are seldom heard together are opposite."""

_CELLS = 21
_FAINTEST, _DEEPEST = 0.12, 0.62
"""Opacity of a cell with one utterance, and of the fullest: text of the page's colour can still be read on it."""


def square(distributions: Values) -> Values:
    """[N, 2] places in a square whose corners are the emotions: their mean, weighted by the probabilities."""
    places: Values = distributions @ np.array([CORNERS[emotion] for emotion in EMOTIONS], dtype=np.float64)
    return places


def density(name: str, title: str, distributions: Values, who: str) -> Panel:
    """How many utterances lie where, on a scale of square roots."""
    edges = np.linspace(-1, 1, _CELLS + 1)
    x, y = square(distributions).T
    counts = np.histogram2d(y, x, bins=(edges, edges))[0]

    def draw(axes: "Axes") -> None:
        width = 2 / _CELLS
        for row, column in zip(*np.nonzero(counts), strict=True):
            depth = _FAINTEST + (_DEEPEST - _FAINTEST) * float(np.sqrt(counts[row, column] / counts.max()))
            _cell(axes, edges[column], edges[row], width, depth)
        axes.plot([-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1], color=QUIET, linewidth=1)
        axes.plot([-1, 1, np.nan, -1, 1], [-1, 1, np.nan, 1, -1], color=LINE, linewidth=1, zorder=0)
        axes.plot(0, 0, "+", color=QUIET, markersize=10)
        for emotion, (right, up) in CORNERS.items():
            at = (right, up * 1.05)
            side = "left" if right < 0 else "right"
            axes.text(*at, emotion, ha=side, va="bottom" if up > 0 else "top", fontsize=12)
        _bare(axes, title)
        axes.set(xlim=(-1.02, 1.02), ylim=(-1.2, 1.2))

    mean = ", ".join(f"{emotion} {p:.2f}" for emotion, p in zip(EMOTIONS, distributions.mean(0), strict=True))
    certain = float((distributions.max(1) > 0.9).mean())  # noqa: PLR2004 - near a corner
    alt = (
        f"{title}: square with an emotion in each corner, shaded by how many of {len(x):,} distributions {who} lie "
        f"where. Mean: {mean}. {certain:.0%} lie near a corner (above 0.9)."
    )
    return Panel(partial(drawn, name, draw, height=420), alt)


def matrix(name: str, title: str, shares: Values, counts: Values | None, *, rows: str, columns: str) -> Panel:
    """[4, 4] shares by row, and how many utterances they are of, in shaded cells."""

    def draw(axes: "Axes") -> None:
        for row in range(len(EMOTIONS)):
            for column in range(len(EMOTIONS)):
                value = shares[row, column]
                if not np.isfinite(value):
                    axes.text(column, row, "–", ha="center", va="center")  # noqa: RUF001 - an en dash
                    continue
                _cell(axes, column - 0.5, row - 0.5, 1, _DEEPEST * float(value))
                weight = "bold" if row == column else "normal"
                lift = 0 if counts is None else 0.1
                axes.text(column, row - lift, f"{value:.2f}", ha="center", va="center", weight=weight)
                if counts is not None:
                    text = f"{counts[row, column]:,.0f}"
                    axes.text(column, row + 0.22, text, ha="center", va="center", fontsize=10)
        ticks = range(len(EMOTIONS))
        _bare(axes, title)
        axes.set(xlim=(-0.5, 3.5), ylim=(3.5, -0.5), xlabel=columns, ylabel=rows)
        axes.set_xticks(ticks, EMOTIONS)
        axes.set_yticks(ticks, EMOTIONS)
        axes.tick_params(length=0)

    lines = (
        f"{emotion}: {', '.join(f'{other} {number(value)}' for other, value in zip(EMOTIONS, row, strict=True))}"
        for emotion, row in zip(EMOTIONS, shares, strict=True)
    )
    return Panel(
        partial(drawn, name, draw, height=380), f"{title}. Rows, {rows}; columns, {columns}. {'; '.join(lines)}."
    )


def _cell(axes: "Axes", x: float, y: float, width: float, depth: float) -> None:
    from matplotlib.patches import Rectangle

    axes.add_patch(Rectangle((x, y), width, width, facecolor=ACCENT, alpha=depth, edgecolor="none", linewidth=0))


def _bare(axes: "Axes", title: str) -> None:
    axes.set(title=title, aspect="equal", xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_visible(False)
