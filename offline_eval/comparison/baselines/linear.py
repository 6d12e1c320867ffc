"""Linear classifiers on vectors of clips, as strong as the training speakers allow.

Everything is chosen on speakers that were not learned from: how strong the regularisation is, whether clips are
weighted, and the scale of the SVM's probabilities (Platt scaling) come from folds within the training speakers.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from core.distribution import EMOTIONS
from core.errors import UsageError
from offline_eval.comparison.baselines.clip_vectors import ClipVectors
from offline_eval.comparison.system import Predictor
from offline_eval.labels.clips import Clip, targets_of
from offline_eval.labels.folds import speaker_folds
from offline_eval.scoring.metrics.sample import Values
from offline_eval.scoring.scores import OVERALL, per_corpus

Kind = Literal["svm", "lr"]

INNER_FOLDS = 4
STRENGTHS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
"""Inverse regularisation, scikit-learn's C, on standardised vectors; tried in this order until it gets worse."""
_MAX_ITERATIONS = 1_000
_PLATT_STRENGTH = 1e3
_VERSION = 1

_Fold = tuple[NDArray[np.intp], NDArray[np.intp]]
_Scale = Callable[[Values], Values]


@dataclass(frozen=True, slots=True)
class _Setting:
    strength: float
    balanced: bool


@dataclass(frozen=True, slots=True)
class _Lesson:
    """Clips as a classifier sees them: vectors [N, D], labels [N], and weights [N] that make emotions count alike."""

    vectors: NDArray[np.float32]
    labels: NDArray[np.intp]
    weights: Values

    def some(self, rows: NDArray[np.intp]) -> "_Lesson":
        return _Lesson(self.vectors[rows], self.labels[rows], self.weights[rows])


class LinearSystem:
    """A `System`: standardised vectors, then a linear SVM with Platt scaling, or multinomial logistic regression.

    Args:
        name: Of the system.
        vectors: What it knows of a clip.
        kind: `svm` or `lr`.
        seed: Of the inner folds.
    """

    def __init__(self, name: str, vectors: ClipVectors, kind: Kind, *, seed: int = 0) -> None:
        self.name = name
        self.recipe = json.dumps([_VERSION, vectors.key, kind, STRENGTHS, INNER_FOLDS, seed])
        self._vectors = vectors
        self._kind: Kind = kind
        self._seed = seed

    def fit(self, train: Sequence[Clip]) -> Predictor:
        """Chooses on inner folds, by the mean over corpora of the NLL, then learns from all of `train`.

        Raises:
            UsageError: Fewer than two speakers, or too few that show some emotion.
            AudioError: A clip cannot be decoded.
        """
        lesson = _Lesson(self._vectors.matrix(train), targets_of(train).argmax(1), _weights(train))
        setting, scale = self._choose(lesson, train)
        model = _classifier(self._kind, lesson, setting)
        return lambda clips: scale(model.decision_function(self._vectors.matrix(clips)))

    def _choose(self, lesson: _Lesson, train: Sequence[Clip]) -> tuple[_Setting, _Scale]:
        folds = _inner_folds(train, self._seed)
        found: list[tuple[float, _Setting, _Scale]] = []
        for balanced in (False, True):
            before = np.inf
            for strength in STRENGTHS:
                setting = _Setting(strength, balanced)
                scale, probabilities = self._scale_out_of_fold(lesson, folds, setting)
                nll = _mean_nll(train, probabilities)
                found.append((nll, setting, scale))
                if nll > before:
                    break  # past its best; weaker regularisation only gets slower
                before = nll
        _, setting, scale = min(found, key=lambda candidate: candidate[0])
        return setting, scale

    def _scale_out_of_fold(self, lesson: _Lesson, folds: Sequence[_Fold], setting: _Setting) -> tuple[_Scale, Values]:
        """What turns decision values into probabilities, and the probabilities of clips whose speaker was held out."""
        decisions = np.empty((len(lesson.labels), len(EMOTIONS)))
        for learned, held_out in folds:
            model = _classifier(self._kind, lesson.some(learned), setting)
            decisions[held_out] = model.decision_function(lesson.vectors[held_out])
        scale = _platt(decisions, lesson, setting) if self._kind == "svm" else _softmax
        return scale, scale(decisions)


def _classifier(kind: Kind, lesson: _Lesson, setting: _Setting) -> Any:
    """A fitted pipeline, whose decision values have one column for each emotion."""
    if kind == "svm":
        model = LinearSVC(C=setting.strength, dual="auto", max_iter=_MAX_ITERATIONS, random_state=0)
    else:
        model = LogisticRegression(C=setting.strength, max_iter=_MAX_ITERATIONS)
    pipeline = make_pipeline(StandardScaler(), model)
    weights = {f"{pipeline.steps[-1][0]}__sample_weight": lesson.weights} if setting.balanced else {}
    return pipeline.fit(lesson.vectors, lesson.labels, **weights)


def _platt(decisions: Values, lesson: _Lesson, setting: _Setting) -> _Scale:
    """Platt scaling for several classes: a logistic regression on the decision values, hardly regularised."""
    scale = LogisticRegression(C=_PLATT_STRENGTH, max_iter=_MAX_ITERATIONS)
    scale.fit(decisions, lesson.labels, lesson.weights if setting.balanced else None)
    return scale.predict_proba  # type: ignore[no-any-return]


def _softmax(decisions: Values) -> Values:
    probabilities: Values = softmax(decisions.astype(np.float64), axis=1)
    return probabilities


def _inner_folds(train: Sequence[Clip], seed: int) -> list[_Fold]:
    """Rows to learn from and rows to choose on, speakers apart."""
    row_of = {(clip.corpus, clip.clip_id): row for row, clip in enumerate(train)}
    speakers = len({clip.speaker for clip in train})
    pairs = speaker_folds(train, min(INNER_FOLDS, speakers), seed)
    for learned, _ in pairs:
        if missing := sorted(set(EMOTIONS) - {clip.emotion for clip in learned}):
            msg = f"too few training speakers show {', '.join(missing)} to choose a baseline's settings on others"
            raise UsageError(msg, hint="give more speakers, or fewer folds")
    return [
        (
            np.array([row_of[clip.corpus, clip.clip_id] for clip in learned]),
            np.array([row_of[clip.corpus, clip.clip_id] for clip in held_out]),
        )
        for learned, held_out in pairs
    ]


def _weights(clips: Sequence[Clip]) -> Values:
    """Weights of mean 1 by which every emotion of every corpus counts alike."""
    kinds = [(clip.corpus, clip.emotion) for clip in clips]
    counts = Counter(kinds)
    return np.array([len(clips) / (len(counts) * counts[kind]) for kind in kinds])


def _mean_nll(clips: Sequence[Clip], probabilities: Values) -> float:
    scores = per_corpus(clips, probabilities)
    return float(np.mean([score.nll for corpus, score in scores.items() if corpus != OVERALL]))
