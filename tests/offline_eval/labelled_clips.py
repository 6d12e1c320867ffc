"""Labelled clips without sound, for tests."""

from pathlib import Path

import numpy as np

from core.distribution import EmotionDistribution
from offline_eval.labels.clips import Clip, one_hot


def labelled_clips(corpus: str, *emotions: str, speaker: str = "s") -> list[Clip]:
    """A clip for each emotion, numbered."""
    return [_clip(corpus, speaker, at, one_hot(emotion)) for at, emotion in enumerate(emotions)]


def clips_of_targets(targets: np.ndarray) -> list[Clip]:
    """A clip for each of [N, 4] distributions, of one corpus and speaker."""
    return [_clip("a", "s", at, EmotionDistribution(*target)) for at, target in enumerate(targets.tolist())]


def _clip(corpus: str, speaker: str, number: int, target: EmotionDistribution) -> Clip:
    return Clip(
        path=Path("x"),
        clip_id=f"{speaker}-{number}",
        corpus=corpus,
        speaker=f"{corpus}_{speaker}",
        split="dev",
        target=target,
    )
