"""How good readings are, beside what needs no model.

Every measure is computed from sums over clips, so that a bootstrap over speakers only has to add the same sums up
again; the tests hold each measure against scikit-learn's, or against its definition where there is none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS
from offline_eval.labels.clips import Clip
from offline_eval.scoring.metrics.sums import BINS, bin_of

OVERALL = "all"
_LEAST = 1e-10
_CLASSES = len(EMOTIONS)
_COUNT, _NLL, _BRIER, _CONFUSION = 0, 1, 2, slice(3, 3 + _CLASSES**2)
_BINS = slice(_CONFUSION.stop, _CONFUSION.stop + BINS)

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Scores of one predictor on clips; the label of a clip is the likeliest emotion of its target.

    Attributes:
        clips: How many.
        macro_f1: Mean F1 over the emotions present in the labels.
        uar: Mean recall over the emotions present in the labels (unweighted average recall, balanced accuracy).
        accuracy: Share of the clips whose likeliest emotion is the label.
        nll: Mean cross-entropy to the target, in nats.
        brier: Mean over clips of the sum of squared differences to the target: 0 to 2.
        ece: Expected calibration error (Guo et al. 2017): over 15 bins of equal width of the top probability, the gap
            between its mean and the accuracy, weighted by the clips in the bin.
    """

    clips: int
    macro_f1: float
    uar: float
    accuracy: float
    nll: float
    brier: float
    ece: float


MEASURES = tuple(field.name for field in fields(Score) if field.name != "clips")
"""Every measure of a `Score`."""


def score(probabilities: Values, targets: Values) -> Score:
    """Scores predicted [N, 4] against target [N, 4]."""
    values = measures(summands(probabilities, targets).sum(0))
    return Score(clips=len(targets), **{name: float(value) for name, value in values.items()})


def summands(probabilities: Values, targets: Values) -> Values:
    """[N, K]: what each clip adds to the sums that `measures` takes."""
    truth, guess, top = targets.argmax(1), probabilities.argmax(1), probabilities.max(1)
    row = np.arange(len(targets))
    terms = np.zeros((len(targets), _BINS.stop))
    terms[:, _COUNT] = 1
    terms[:, _NLL] = -(targets * np.log(np.maximum(probabilities, _LEAST))).sum(1)
    terms[:, _BRIER] = ((probabilities - targets) ** 2).sum(1)
    terms[row, _CONFUSION.start + truth * _CLASSES + guess] = 1
    terms[row, _BINS.start + bin_of(top)] = top - (truth == guess)
    return terms


def measures(sums: Values) -> dict[str, Values]:
    """The measures, each [...], from sums [..., K] of summands."""
    clips = sums[..., _COUNT]
    confusion = sums[..., _CONFUSION].reshape(*sums.shape[:-1], _CLASSES, _CLASSES)
    hits, labelled, guessed = np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(-1), confusion.sum(-2)
    present = labelled > 0
    return {
        "macro_f1": np.mean(2 * hits / np.maximum(labelled + guessed, 1), axis=-1, where=present),
        "uar": np.mean(hits / np.maximum(labelled, 1), axis=-1, where=present),
        "accuracy": hits.sum(-1) / clips,
        "nll": sums[..., _NLL] / clips,
        "brier": sums[..., _BRIER] / clips,
        "ece": np.abs(sums[..., _BINS]).sum(-1) / clips,
    }


def per_corpus(clips: Sequence[Clip], probabilities: Values) -> dict[str, Score]:
    """Scores on each corpus, and on all clips under "all"."""
    targets, corpora = targets_of(clips), np.array([clip.corpus for clip in clips])
    names = sorted({clip.corpus for clip in clips})
    rows = {name: corpora == name for name in names} | {OVERALL: np.full(len(clips), fill_value=True)}
    return {name: score(probabilities[mask], targets[mask]) for name, mask in rows.items()}


def per_group(clips: Sequence[Clip], probabilities: Values, groups: Sequence[Sequence[str]]) -> dict[str, Score]:
    """Scores on each group of clips; `groups` names those that each clip belongs to."""
    targets = targets_of(clips)
    rows = {name: np.array([name in named for named in groups]) for name in sorted(set().union(*groups))}
    return {name: score(probabilities[mask], targets[mask]) for name, mask in rows.items()}


def class_prior(train: Iterable[Clip], clips: Sequence[Clip]) -> Values:
    """[N, 4] for `clips`: how often each emotion occurs among the training clips of the same corpus.

    A corpus without training clips gets the frequencies of all training clips. One count is added to each class.
    """
    train = list(train)
    whole = _frequencies(train)
    by_corpus = {name: _frequencies([c for c in train if c.corpus == name]) for name in {clip.corpus for clip in train}}
    return np.stack([by_corpus.get(clip.corpus, whole) for clip in clips])


def uniform(clips: Sequence[Clip]) -> Values:
    """[N, 4] of one quarter each."""
    return np.full((len(clips), _CLASSES), 1 / _CLASSES)


def targets_of(clips: Sequence[Clip]) -> Values:
    """[N, 4] target distributions."""
    return np.array([list(clip.target) for clip in clips], dtype=np.float64)


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


def _frequencies(clips: Sequence[Clip]) -> Values:
    counts = targets_of(clips).sum(0) + 1
    frequencies: Values = counts / counts.sum()
    return frequencies
