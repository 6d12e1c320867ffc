"""What a model is trained on: recordings, their features, and how they are drawn."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offline_eval.labels.clips import Clip, OtherClip
from offline_eval.training.anchors import Shifts
from offline_eval.training.feature_cache import Features

_SORTED_TOGETHER = 4
"""So many batches are drawn at once and dealt by length: the sounds of a batch are cut to its shortest one."""

_TELLING_SHARE = 0.4
"""Of an emotion of a corpus, at most, that clips make up whose words tell it."""

Sound = NDArray[np.float16] | NDArray[np.float32]
"""Features [tokens, layers, d_model]."""

Drawn = tuple[NDArray[np.int64], Tensor]
"""Which sounds, and their features: float32 [B, layers, T, d_model]."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Recordings and their features: one `Features` per variant of the training sounds, one for the dev clips.

    Attributes:
        train: Clips of the four emotions.
        readings: Ordinary speech without a label, or none.
        train_features: Variants of the clips and then of the readings; the first is the sounds as they are.
        others: Clips of other emotions, or none.
        other_features: Their variants.
        noise_features: Sounds without speech, or None.
        dev: Clips that decide when to stop; may be none.
        dev_features: As they are.
    """

    train: Sequence[Clip]
    train_features: Sequence[Features]
    dev: Sequence[Clip]
    dev_features: Features | None
    readings: Sequence[OtherClip] = ()
    others: Sequence[OtherClip] = ()
    other_features: Sequence[Features] = ()
    noise_features: Features | None = None


class Draw:
    """Batches of sounds without end.

    Args:
        variants: Features of the same sounds, in as many variants.
        weights: Probability of each sound.
        batch: Sounds a batch.
        rng: Draws sounds, variants and where a sound is cut.
        shifts: What is taken off each sound; None: nothing.
    """

    def __init__(
        self,
        variants: Sequence[Features],
        weights: NDArray[np.float64],
        batch: int,
        rng: np.random.Generator,
        shifts: Shifts | None = None,
    ) -> None:
        self._variants = [list(features) for features in variants]
        self._weights = weights
        self._batch = batch
        self._rng = rng
        self._shifts = shifts

    def __iter__(self) -> Iterator[Drawn]:
        """Yields one batch after the other."""
        while True:
            yield from self._some()

    def _some(self) -> Iterator[Drawn]:
        rows = self._rng.choice(len(self._weights), size=self._batch * _SORTED_TOGETHER, p=self._weights)
        variants = self._rng.integers(len(self._variants), size=len(rows))
        sounds = [self._sound(row, variant) for variant, row in zip(variants, rows, strict=True)]
        by_length = np.argsort([len(sound) for sound in sounds] + self._rng.random(len(sounds)))
        batches = np.split(by_length, _SORTED_TOGETHER)
        for number in self._rng.permutation(_SORTED_TOGETHER):
            chosen = self._rng.permutation(batches[number])
            yield rows[chosen], cut_alike([sounds[n] for n in chosen], self._rng)

    def _sound(self, row: int, variant: int) -> Sound:
        sound = self._variants[variant][row]
        if self._shifts is None:
            return sound
        return sound - self._shifts.draw(row, variant, self._rng).reshape(sound.shape[1:])


def cut_alike(sounds: Sequence[Sound], rng: np.random.Generator) -> Tensor:
    """Features of sounds, each cut at a random place to the length of the shortest.

    Returns:
        float32 [sounds, layers, tokens, d_model].
    """
    shortest = min(map(len, sounds))
    starts = [rng.integers(len(sound) - shortest + 1) for sound in sounds]
    cut = np.stack([sound[start : start + shortest] for sound, start in zip(sounds, starts, strict=True)])
    return torch.from_numpy(cut).transpose(1, 2).float()


def balanced(labels: Sequence[tuple[str, str, str]]) -> NDArray[np.float64]:
    """Probabilities of drawing recordings of (corpus, speaker, emotion).

    Emotions are drawn alike within a corpus. A corpus is drawn by its speakers, each counting as the square root of its
    recordings: many voices teach more than many takes of one.
    """
    cells = Counter((corpus, emotion) for corpus, _, emotion in labels)
    emotions = Counter(corpus for corpus, _ in cells)
    voices = Counter((corpus, speaker) for corpus, speaker, _ in labels)
    share = Counter[str]()
    for (corpus, _), recordings in voices.items():
        share[corpus] += recordings**0.5
    weights = np.array([share[corpus] / emotions[corpus] / cells[corpus, emotion] for corpus, _, emotion in labels])
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised


def alike(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Probabilities of drawing clips: corpora alike, emotions alike within a corpus.

    Clips whose words tell their emotion are drawn less where they would be more than a part of it: a model would learn
    the words.
    """
    emotions = Counter(corpus for corpus, _ in {(clip.corpus, clip.emotion) for clip in clips})
    cells = Counter((clip.corpus, clip.emotion) for clip in clips)
    telling = Counter((clip.corpus, clip.emotion) for clip in clips if clip.words_tell)

    def weight(clip: Clip) -> float:
        cell = (clip.corpus, clip.emotion)
        told = min(telling[cell] / cells[cell], _TELLING_SHARE) if telling[cell] < cells[cell] else 1.0
        share, number = (told, telling[cell]) if clip.words_tell else (1 - told, cells[cell] - telling[cell])
        return share / number / emotions[clip.corpus]

    weights = np.array([weight(clip) for clip in clips])
    normalised: NDArray[np.float64] = weights / weights.sum()
    return normalised
