"""The model card's section on calibration, with its reliability diagram."""

import re
from collections.abc import Sequence
from pathlib import Path

from offline_eval.calibration.calibrate import Outcome
from offline_eval.calibration.report import corrections, expectation
from offline_eval.calibration.worth import Fitted

CARD_NAME = "MODEL_CARD.md"
PLOT_NAME = "calibration.png"
_DOT = 900.0
"""Area of a mark that stood for all clips, in square points."""
_SECTION = re.compile(r"\n## Calibration\n.*?(?=\n## |\Z)", re.DOTALL)
_BEFORE = "\n## Training\n"


def add_to_card(folder: Path, outcome: Outcome) -> None:
    """Writes calibration.png and the card's section, in place of an earlier one; a folder without a card stays so.

    Needs matplotlib.
    """
    card = folder / CARD_NAME
    if not card.is_file():
        return
    shown = [row for row in outcome.fitted if row.readout == outcome.default_readout and row.entry]
    text = _SECTION.sub("", card.read_text(encoding="utf-8"))
    at = text.find(_BEFORE) if _BEFORE in text else len(text)
    card.write_text(text[:at] + _section(outcome, shown) + text[at:], encoding="utf-8")
    _plot(folder / PLOT_NAME, shown)


def _section(outcome: Outcome, shown: Sequence[Fitted]) -> str:
    table = "\n".join(corrections(shown))
    return f"""
## Calibration

Fitted on {outcome.calibration.fitted_on}.
Before: as the model reads. After: each {outcome.held_out} corrected by a fit to the others. NLL in nats, expected
calibration error in 15 bins; each corpus counts alike.

{table}

{expectation(outcome.calibration)}

![Reliability of the default read-out: accuracy by top probability, before and after]({PLOT_NAME})

The larger a mark, the more clips it stands for.
"""


def _plot(path: Path, shown: Sequence[Fitted]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(shown), 4), layout="constrained")
    for axes, row in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        axes.plot([0, 1], [0, 1], color="0.6", linestyle=":", label="perfect")
        for heard, worth in row.worth.items():
            known = f", {heard} heard" if heard else ""
            for quality, marker, line, name in ((worth.before, "o", "--", "before"), (worth.after, "s", "-", "after")):
                label, area = f"{name}{known}, ECE {quality.ece:.3f}", [_DOT * share for share in quality.share]
                (drawn,) = axes.plot(quality.confidence, quality.accuracy, line, linewidth=0.8)
                axes.scatter(
                    quality.confidence, quality.accuracy, area, color=drawn.get_color(), marker=marker, label=label
                )
        axes.set(
            title=f"{row.asked} prompt, {row.readout}",
            xlabel="probability of the likeliest emotion",
            ylabel="share of clips that carry that label",
            xlim=(0.2, 1),
            ylim=(0, 1),
        )
        legend = axes.legend(fontsize="small")
        for handle in legend.legend_handles[1:]:
            handle.set_sizes([30])
    figure.savefig(path, dpi=90)
