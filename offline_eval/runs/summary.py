"""What a run prints in the end: a few measures of every view, beside what needs no model and no sound."""

import math
from collections.abc import Sequence

import numpy as np

from offline_eval.labels.rated import RatedUtterance
from offline_eval.runs.outputs import Readings
from offline_eval.runs.run import TINY
from offline_eval.scoring.evaluation import evaluate
from offline_eval.scoring.metrics.measures import MEASURE
from offline_eval.scoring.reference_points import constant_outputs

MEASURES = ("kl", "bd_log_mean", "paper_r2", "accuracy", "macro_f1")
_DRAWS = 0
"""Intervals are the report's business, and take their time."""

CONTAMINATION = (
    "The published LTU-AS has learned from IEMOCAP (21,450 of its training questions are about that corpus): what it, "
    "or a model made from it, comes to here is not zero-shot."
)


def summary(rated: Sequence[RatedUtterance], readings: Sequence[Readings]) -> str:
    """Markdown: a table of all views, and why readings are invalid."""
    outputs = [*constant_outputs(rated), *(one.output for one in readings)]
    systems = evaluate(rated, outputs, draws=_DRAWS).systems
    lines = [
        f"| reading | scored | invalid | {' | '.join(MEASURE[name].title for name in MEASURES)} |",
        f"|---|{'---:|' * (2 + len(MEASURES))}",
    ]
    for name, system in systems.items():
        scores = system.scored
        values = [scores.estimates[measure].value for measure in MEASURES]
        cells = ["-" if math.isnan(value) else f"{value:.3f}" for value in values]
        lines.append(f"| {name} | {scores.n_scored} | {scores.n_invalid} | {' | '.join(cells)} |")
    why = [
        f"- {one.view.name}: {', '.join(f'{number} {reason}' for reason, number in one.invalid.items())}"
        for one in readings
        if one.invalid
    ]
    apart = [f"- {one.view.name}: {apart_in_words(one)}" for one in readings if one.spread is not None]
    return "\n".join(
        [
            *lines,
            *(["", "Invalid, and left out of the measures:", "", *why] if why else []),
            *(["", "Several answers to the same utterance:", "", *apart] if apart else []),
        ]
    )


def apart_in_words(readings: Readings) -> str:
    """How far apart the answers to the same utterance are, and what of drawn texts is invalid."""
    said = f"mean spread {readings.spread or 0.0:.3f}"
    if (samples := readings.view.samples) is None:
        return said
    read = int(np.isfinite(readings.output.probabilities).all(1).sum())
    drawn = f"{sum(readings.invalid_samples.values()):,} of {read * samples.number:,} texts invalid"
    why = ", ".join(f"{number} {reason}" for reason, number in readings.invalid_samples.items())
    return f"{said}; {drawn}" + (f" ({why}), left out of their utterances' means" if why else "")


def contamination(dataset: str, model: str) -> str | None:
    """What is to be said of a model that may have learned from the corpus it is scored on."""
    return CONTAMINATION if dataset == "iemocap" and model != TINY else None
