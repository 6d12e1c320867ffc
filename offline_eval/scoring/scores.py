"""Scores of labelled clips: a label is a distribution with one vote, so these are measures of rated speech."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from offline_eval.labels.clips import Clip
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.replicates import values_of

OVERALL = "all"

MEASURES = {
    "macro_f1": "macro_f1_labelled",
    "uar": "uar",
    "accuracy": "accuracy",
    "nll": "log_loss",
    "brier": "brier",
    "ece": "ece",
}
"""What a `Score`, and every file with scores of clips, calls a measure, to its name in `metrics.measures`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Scores of one predictor on clips; the label of a clip is the likeliest emotion of its target.

    Attributes:
        clips: How many.
        macro_f1: Mean F1 over the emotions present in the labels.
        uar: Mean recall over the emotions present in the labels (unweighted average recall, balanced accuracy).
        accuracy: Share of the clips whose likeliest emotion is the label.
        nll: Mean cross-entropy to the target, in nats: the log loss per vote.
        brier: Mean over clips of the sum of squared differences to the target: 0 to 2.
        ece: Expected calibration error in 15 bins.
    """

    clips: int
    macro_f1: float
    uar: float
    accuracy: float
    nll: float
    brier: float
    ece: float


def score(clips: Sequence[Clip], probabilities: Values) -> Score:
    """Scores predicted [N, 4] against the clips' targets."""
    found = values_of(Sample.of_clips(clips, probabilities), MEASURES.values())
    return Score(clips=len(clips), **{name: found[measure] for name, measure in MEASURES.items()})


def corpora_of(clips: Sequence[Clip]) -> dict[str, NDArray[np.bool_]]:
    """Each corpus, and then "all", to whether each clip [N] is of it."""
    corpora = np.array([clip.corpus for clip in clips])
    by_name = {str(name): corpora == name for name in np.unique(corpora)}
    return by_name | {OVERALL: np.full(len(clips), fill_value=True)}


def per_corpus(clips: Sequence[Clip], probabilities: Values) -> dict[str, Score]:
    """Scores on each corpus, and on all clips under "all"."""
    return _of_each(corpora_of(clips), clips, probabilities)


def per_group(clips: Sequence[Clip], probabilities: Values, groups: Sequence[Sequence[str]]) -> dict[str, Score]:
    """Scores on each group of clips; `groups` names those that each clip belongs to."""
    names = sorted(set().union(*groups))
    return _of_each({name: np.array([name in named for named in groups]) for name in names}, clips, probabilities)


def table(scores: Mapping[str, Mapping[str, Score]]) -> str:
    """Markdown: predictors in rows, corpora in columns, "macro-F1 / NLL" in each cell."""
    columns = list(next(iter(scores.values())))
    sizes = next(iter(scores.values()))
    header = [f"{name} ({sizes[name].clips})" for name in columns]
    lines = [f"| macro-F1 / NLL | {' | '.join(header)} |", f"|---|{'---|' * len(columns)}"]
    for predictor, by_corpus in scores.items():
        cells = [f"{by_corpus[name].macro_f1:.3f} / {by_corpus[name].nll:.3f}" for name in columns]
        lines.append(f"| {predictor} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _of_each(parts: Mapping[str, NDArray[np.bool_]], clips: Sequence[Clip], probabilities: Values) -> dict[str, Score]:
    return {name: score([*compress(clips, rows)], probabilities[rows]) for name, rows in parts.items()}
