"""How good readings are, beside what needs no model: macro-F1 and negative log-likelihood."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from core.distribution import EMOTIONS
from offline_eval.clips import Clip

OVERALL = "all"
_LEAST = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Scores of one predictor on clips.

    `macro_f1` is the mean over the emotions present in the labels, `nll` the mean cross-entropy to the target in nats.
    """

    clips: int
    macro_f1: float
    accuracy: float
    nll: float


def score(probabilities: NDArray[np.float64], targets: NDArray[np.float64]) -> Score:
    """Scores predicted [N, 4] against target [N, 4]."""
    truth, guess = targets.argmax(1), probabilities.argmax(1)
    macro_f1 = f1_score(truth, guess, labels=np.unique(truth), average="macro")
    nll = -(targets * np.log(np.maximum(probabilities, _LEAST))).sum(1).mean()
    return Score(clips=len(truth), macro_f1=float(macro_f1), accuracy=float(np.mean(truth == guess)), nll=float(nll))


def per_corpus(clips: Sequence[Clip], probabilities: NDArray[np.float64]) -> dict[str, Score]:
    """Scores on each corpus, and on all clips under "all"."""
    targets, corpora = targets_of(clips), np.array([clip.corpus for clip in clips])
    rows = {name: corpora == name for name in sorted(set(corpora))} | {OVERALL: np.full(len(clips), fill_value=True)}
    return {name: score(probabilities[mask], targets[mask]) for name, mask in rows.items()}


def class_prior(train: Iterable[Clip], clips: Sequence[Clip]) -> NDArray[np.float64]:
    """[N, 4] for `clips`: how often each emotion occurs among the training clips of the same corpus.

    A corpus without training clips gets the frequencies of all training clips. One count is added to each class.
    """
    train = list(train)
    whole = _frequencies(train)
    by_corpus = {name: _frequencies([c for c in train if c.corpus == name]) for name in {clip.corpus for clip in train}}
    return np.stack([by_corpus.get(clip.corpus, whole) for clip in clips])


def uniform(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """[N, 4] of one quarter each."""
    return np.full((len(clips), len(EMOTIONS)), 1 / len(EMOTIONS))


def targets_of(clips: Sequence[Clip]) -> NDArray[np.float64]:
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


def _frequencies(clips: Sequence[Clip]) -> NDArray[np.float64]:
    counts = targets_of(clips).sum(0) + 1
    frequencies: NDArray[np.float64] = counts / counts.sum()
    return frequencies
