"""How numbers and measures are written in every table."""

import math
from collections.abc import Mapping

from offline_eval.labels.rated import Agreement
from offline_eval.report.document import Cell
from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.measures import MEASURE
from offline_eval.scoring.resampling import Estimate

HEADLINE = (
    "kl",
    "kl_smoothed",
    "skill",
    "bd_log_mean",
    "paper_r2",
    "js",
    "brier",
    "accuracy",
    "macro_f1",
    "entropy_spearman",
    "ece",
)
"""The measures of the table that is read first."""

SOFT_LABELS = ("js_bits", "cosine", "entropy_pearson", "entropy_spearman", "any_annotator_accuracy")
"""The soft-label protocol of VoxEmo (arXiv 2603.08936): how far from what the annotators said, all of them."""

SHORT = {
    "kl": "KL",
    "kl_smoothed": "KL smoothed",
    "bd_log_mean": "BD",
    "paper_r2": "paper_r2",
    "js": "JS",
    "js_bits": "JS, bits",
    "cosine": "cosine",
    "brier": "Brier",
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "macro_f1_union": "macro-F1, labels that occur",
    "entropy_pearson": "entropy r",
    "entropy_spearman": "entropy rho",
    "any_annotator_accuracy": "accuracy, any annotator",
    "skill": "skill",
    "ece": "ECE",
}
"""What narrow columns call a measure; legends explain."""

NOTHING = "–"  # noqa: RUF001 - an en dash
"""Where there is no number."""

AGREEMENT: Mapping[Agreement, str] = {
    "unanimous": "unanimous: all votes for one emotion",
    "majority": "majority: more than half",
    "plurality": "plurality: more than for any other",
    "tie": "tie: two or more in front",
}


def number(value: float | None, *, signed: bool = False) -> str:
    """Three decimals, or a dash where there is no number."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:{'+' if signed else ''}.3f}"
    return "0.000" if text in {"-0.000", "+0.000"} else text


def interval(estimate: Estimate, *, signed: bool = False) -> str:
    """Both ends in brackets, or nothing."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{number(estimate.low, signed=signed)}, {number(estimate.high, signed=signed)}]"


def estimated(estimate: Estimate, *, signed: bool = False) -> Cell:
    """A value above its interval."""
    return Cell(number(estimate.value, signed=signed), interval(estimate, signed=signed))


def share(part: int, total: int) -> str:
    """Such as `3 of 40 (7.5 %)`."""
    return f"{part:,} of {total:,}" + (f" ({part / total:.1%})".replace("%", " %") if total else "")


def column(measure: str) -> str:
    """A measure's short name, and which way is better."""
    return f"{SHORT.get(measure, measure)}{arrow(MEASURE[measure])}"


def arrow(measure: Measure) -> str:
    """Down: lower is better; up: higher is."""
    return {"lower": "\N{NO-BREAK SPACE}↓", "higher": "\N{NO-BREAK SPACE}↑", None: ""}[measure.better]


def legend(measures: tuple[str, ...]) -> str:
    """What short names stand for, in a line."""
    titles = {SHORT[name]: MEASURE[name].title.removeprefix(f"{SHORT[name]}: ") for name in measures}
    return "; ".join(f"{short}: {title}" for short, title in titles.items() if short != title) + "."
