"""Measures of several systems below each other: a dot and its interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from offline_eval.report.document import Panel
from offline_eval.report.figures.canvas import ACCENT, CARD, OTHER, QUIET, drawn
from offline_eval.report.words import interval, number
from offline_eval.scoring.resampling import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_HEIGHT, _MARGINS = 35, 84
_MARKERS = "oDsv"
_COLORS = (ACCENT, OTHER, QUIET, OTHER)


@dataclass(frozen=True, slots=True)
class Dot:
    """One row.

    Attributes:
        label: What it is of.
        estimate: Where it is.
        kind: 0 to 3: marker and colour.
    """

    label: str
    estimate: Estimate
    kind: int = 0


def dots(name: str, title: str, rows: Sequence[Dot], *, level: float | None, level_name: str) -> Panel:
    """A panel; rows without a number are left out.

    Args:
        name: Of the panel.
        title: Above it.
        rows: From top to bottom.
        level: What a vertical line marks.
        level_name: In words.
    """
    shown = [row for row in rows if np.isfinite(row.estimate.value)]

    def draw(axes: "Axes") -> None:
        for at, row in enumerate(shown):
            estimate, color = row.estimate, _COLORS[row.kind]
            if estimate.low is not None and estimate.high is not None:
                axes.plot([estimate.low, estimate.high], [at, at], color=color, linewidth=2, solid_capstyle="butt")
            axes.plot(estimate.value, at, _MARKERS[row.kind], color=color, markersize=7)
            axes.annotate(
                f"{row.label}  {number(estimate.value)}",
                (0, at - 0.42),
                xycoords=("axes fraction", "data"),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=11,
                bbox={"facecolor": CARD, "edgecolor": "none", "pad": 1},
            )
        if level is not None and np.isfinite(level):
            axes.axvline(level, color=QUIET, linestyle=(0, (4, 3)), linewidth=1.2, zorder=0)
        axes.set(title=title, ylim=(len(shown) - 0.4, -0.8), yticks=[], xlabel=f"dashed: {level_name}")
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.margins(x=0.06)

    said = "; ".join(f"{row.label} {number(row.estimate.value)} {interval(row.estimate)}".strip() for row in shown)
    return Panel(
        partial(drawn, name, draw, height=_MARGINS + _ROW_HEIGHT * max(len(shown), 1)),
        f"{title}, in a row each: {said}.",
    )
