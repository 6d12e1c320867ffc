"""Whether probabilities and entropies of the model mean what they say."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from offline_eval.report.document import Panel
from offline_eval.report.figures.canvas import ACCENT, LINE, OTHER, QUIET, drawn
from offline_eval.report.words import number
from offline_eval.scoring.metrics.calibration import reliability
from offline_eval.scoring.metrics.divergence import entropy
from offline_eval.scoring.metrics.sample import Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MANY = 400
"""Utterances, from which on a cloud of dots is shown as shaded cells."""

_CELLS = 24
_LN4 = float(np.log(4))


def reliability_panel(name: str, title: str, sample: Sample, ece: float) -> Panel | None:
    """Share of right labels by top probability; None where no utterance has a label."""
    inside, confidence, hits = reliability(sample).T
    filled = inside > 0
    if not filled.any():
        return None
    x, y, weight = confidence[filled] / inside[filled], hits[filled] / inside[filled], inside[filled] / inside.max()

    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], color=QUIET, linestyle=(0, (4, 3)), linewidth=1.2)
        axes.vlines(x, x, y, color=OTHER, linewidth=1.5)
        axes.plot(x, y, color=ACCENT, linewidth=1.5)
        axes.scatter(x, y, s=12 + 110 * weight, color=ACCENT, zorder=3)
        axes.set(
            title=f"{title}, ECE {number(ece)}",
            xlabel="probability of the likeliest emotion",
            ylabel="share of these that carry that label",
            xlim=(0, 1),
            ylim=(-0.03, 1.03),
        )
        axes.grid()

    points = "; ".join(f"{p:.2f}: {right:.2f} of {n:.0f}" for p, right, n in zip(x, y, inside[filled], strict=True))
    return Panel(partial(drawn, name, draw, height=380), f"{title}: share of right labels by probability. {points}.")


def entropy_panel(name: str, title: str, sample: Sample) -> Panel:
    """Entropy of the model by entropy of the votes, with its mean at every few votes' entropies."""
    people, machine = entropy(sample.human), entropy(sample.model)
    kinds = np.unique(np.round(people, 1))
    means = np.array([machine[np.round(people, 1) == kind].mean() for kind in kinds])
    sizes = np.array([(np.round(people, 1) == kind).sum() for kind in kinds])

    def draw(axes: "Axes") -> None:
        if len(people) < _MANY:
            axes.plot(people, machine, "o", color=ACCENT, alpha=0.45, markersize=5, markeredgewidth=0)
        else:
            _shaded(axes, people / _LN4, machine / _LN4)
        axes.plot([0, _LN4], [0, _LN4], color=QUIET, linestyle=(0, (4, 3)), linewidth=1.2)
        axes.plot(kinds, means, "D-", color=OTHER, markersize=6, linewidth=1.5, label="mean of the model")
        axes.set(
            title=title,
            xlabel="entropy of the votes, nats",
            ylabel="entropy of the model, nats",
            xlim=(-0.06, _LN4 + 0.06),
            ylim=(-0.06, _LN4 + 0.06),
        )
        axes.legend(loc="lower right")
        axes.grid(color=LINE)

    points = "; ".join(f"{kind:.1f}: {mean:.2f} of {n}" for kind, mean, n in zip(kinds, means, sizes, strict=True))
    return Panel(
        partial(drawn, name, draw, height=380), f"{title}: mean entropy of the model by entropy of the votes. {points}."
    )


def _shaded(axes: "Axes", x: "np.ndarray[tuple[int], np.dtype[np.float64]]", y: object) -> None:
    from matplotlib.patches import Rectangle

    edges = np.linspace(0, 1, _CELLS + 1)
    counts = np.histogram2d(x, np.asarray(y), bins=(edges, edges))[0]
    size = _LN4 / _CELLS
    for column, row in zip(*np.nonzero(counts), strict=True):
        depth = 0.12 + 0.58 * float(np.sqrt(counts[column, row] / counts.max()))
        corner = (edges[column] * _LN4, edges[row] * _LN4)
        axes.add_patch(Rectangle(corner, size, size, facecolor=ACCENT, alpha=depth, edgecolor="none", linewidth=0))
