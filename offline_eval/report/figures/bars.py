"""Distributions as bars of four parts, people above the model."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from core.distribution import EMOTIONS
from offline_eval.report.document import Panel
from offline_eval.report.figures.canvas import CARD, EMOTION_COLORS, drawn
from offline_eval.scoring.metrics.sample import Values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_LETTERED = 0.08
_DARK = "#111418"
"""Of letters on bars, which are bright in both themes."""


def bars(name: str, title: str, labels: Sequence[str], human: Values, model: Values) -> Panel:
    """One pair of bars for each label; parts carry the first letter of their emotion."""

    def draw(axes: "Axes") -> None:
        for at, label in enumerate(labels):
            axes.text(0, at - 0.36, label, va="center", fontsize=11)
            for who, row, y in (("votes", human[at], at - 0.08), ("model", model[at], at + 0.2)):
                _bar(axes, row, y)
                axes.text(1.01, y, who, va="center", fontsize=10)
        axes.set(title=title, xlim=(0, 1.15), ylim=(len(labels) - 0.5, -0.7), xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)

    letters = ", ".join(f"{emotion[0].upper()} {emotion}" for emotion in EMOTIONS)
    alt = f"{title}: pairs of bars, votes above model, in parts {letters}; the numbers stand in the table below."
    return Panel(partial(drawn, name, draw, height=60 + 62 * len(labels)), alt)


def _bar(axes: "Axes", row: Values, y: float) -> None:
    left = 0.0
    for emotion, p in zip(EMOTIONS, row.tolist(), strict=True):
        axes.barh(y, p, left=left, height=0.25, color=EMOTION_COLORS[emotion], edgecolor=CARD, linewidth=1)
        if p >= _LEAST_LETTERED:
            letter = emotion[0].upper()
            axes.text(left + p / 2, y, letter, ha="center", va="center", fontsize=9, color=_DARK, weight="bold")
        left += p
