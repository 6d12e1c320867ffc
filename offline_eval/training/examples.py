"""What is drawn in training: sounds, what they are taught as, how often they come, and with which anchors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS
from offline_eval.labels.clips import Recording
from offline_eval.scoring.metrics.sample import Values
from offline_eval.training.anchors import UNKNOWN, Shifts, Voices
from offline_eval.training.feature_cache import Features
from offline_eval.training.material import Material, alike, balanced
from offline_eval.training.recipe import Recipe
from offline_eval.training.sessions import sessions
from offline_eval.training.targets import READING, soft_targets
from offline_eval.training.teacher import Teacher, fit_teacher

_TEACHER_ROUNDS = 3
"""A teacher hears every example about so often, each time with another anchor."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Clips of the four emotions, then readings, in all variants.

    Attributes:
        targets: [N, 4].
        weights: Probability of each to be drawn.
        shifts: What is taken off each; None: nothing.
    """

    targets: Values
    weights: NDArray[np.float64]
    shifts: Shifts | None


def examples_of(material: Material, recipe: Recipe, mean: NDArray[np.float32] | None) -> Examples:
    """The examples of a recipe; for `mean` see `Shifts`."""
    clips, readings = material.train, material.readings
    targets = soft_targets(clips, smoothing=recipe.smoothing, listeners=recipe.listeners)
    by_voices = recipe.balance == "voices"
    weights = balanced([(c.corpus, c.speaker, c.emotion) for c in clips]) if by_voices else alike(clips)
    if readings:
        targets = np.concatenate([targets, np.tile(READING, (len(readings), 1))])
        weights = np.concatenate([weights, np.full(len(readings), recipe.reading_share / len(readings))])
        weights = weights / weights.sum()
    shifts = None
    if recipe.anchors is not None:
        recordings = [*clips, *readings]
        voices = Voices(
            corpora=[recording.corpus for recording in recordings],
            speakers=[recording.speaker for recording in recordings],
            emotions=np.array([EMOTIONS.index(c.emotion) for c in clips] + [UNKNOWN] * len(readings)),
            channels=_channels(recordings, recipe.augmentation.session_clips, len(material.train_features)),
        )
        shifts = Shifts(recipe.anchors, [features.means() for features in material.train_features], voices, mean)
    return Examples(targets=targets, weights=weights, shifts=shifts)


def _channels(recordings: Sequence[Recording], size: int | None, variants: int) -> list[list[str]]:
    """Of each example in each variant: the recordings as they are have one channel a speaker."""
    speakers = [recording.speaker for recording in recordings]
    varied = speakers if size is None else sessions(recordings, size)
    return [speakers, *[varied] * (variants - 1)]


def teacher_of(examples: Examples, material: Material, recipe: Recipe) -> Teacher:
    """What a linear model makes of the examples; draws of its own, so that those of the training stay as they are."""
    rng = np.random.default_rng([recipe.seed, 1])
    variants = material.train_features
    rounds = 1 if examples.shifts is None else math.ceil(_TEACHER_ROUNDS / len(variants))
    heard = [_shifted(features, n, examples.shifts, rng) for _ in range(rounds) for n, features in enumerate(variants)]
    return fit_teacher(
        np.concatenate(heard),
        np.tile(examples.targets, (len(heard), 1)),
        np.tile(examples.weights, len(heard)),
        l2=recipe.teacher_l2,
    )


def _shifted(features: Features, variant: int, shifts: Shifts | None, rng: np.random.Generator) -> NDArray[np.float32]:
    means = features.means().astype(np.float32)
    if shifts is not None:
        for row in range(len(means)):
            means[row] -= shifts.draw(row, variant, rng)
    return means
