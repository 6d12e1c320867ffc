"""Logistic regression on the features that a model hears: what the model's own layers are worth beyond them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.ltu_as.features import INT16_SCALE
from offline_eval.labels.clips import Clip, targets_of
from offline_eval.scoring.metrics.sample import Values
from offline_eval.training.feature_cache import FeatureCache
from offline_eval.training.material import alike
from offline_eval.training.teacher import Teacher, fit_teacher

_L2 = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Reads the means over sounds as they are. Implements `Predictor`.

    Attributes:
        cache: Features of the encoder.
        teacher: What reads them.
    """

    cache: FeatureCache
    teacher: Teacher

    def __call__(self, clips: Sequence[Clip]) -> Values:
        """[N, 4] readings of clips."""
        return self.teacher.read(torch.from_numpy(_means(self.cache, clips)))

    def hear(self, waveform: NDArray[np.int16]) -> Values:
        """[4]: the reading of a 16 kHz sound.

        Raises:
            AudioError: Fewer than 201 samples.
        """
        features = self.cache.heard((waveform / INT16_SCALE).astype(np.float32))
        mean = torch.from_numpy(features.mean(0, dtype=np.float32).reshape(1, -1))
        reading: Values = self.teacher.read(mean)[0]
        return reading


def learn_linearly(train: Sequence[Clip], cache: FeatureCache) -> Linear:
    """Learns from standardised means; corpora count alike, and emotions within a corpus.

    Raises:
        AudioError: A clip cannot be decoded.
    """
    return Linear(cache, fit_teacher(_means(cache, train), targets_of(train), alike(train), l2=_L2))


def _means(cache: FeatureCache, clips: Sequence[Clip]) -> NDArray[np.float32]:
    return cache.features(clips, 0).means().astype(np.float32)
