"""Logistic regression on the features that a small LTU-AS hears: what its own layers are worth beyond them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from offline_eval.comparison.system import Predictor
from offline_eval.labels.clips import Clip, targets_of
from offline_eval.scoring.metrics.sample import Values
from offline_eval.training.feature_cache import FeatureCache
from offline_eval.training.material import alike
from offline_eval.training.teacher import fit_teacher

_L2 = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SameFeatures:
    """Standardised means over each clip as it is; corpora count alike, and emotions within a corpus.

    Attributes:
        name: Of the system.
        features: Of the encoder.
    """

    name: str
    features: FeatureCache

    @property
    def recipe(self) -> str:
        """See `System`."""
        encoder = self.features.encoder
        return f"{_L2} {encoder.sha256} {encoder.config.layers} {encoder.audio}"

    def fit(self, train: Sequence[Clip]) -> Predictor:
        """See `System`."""
        linear = fit_teacher(self._means(train).numpy(), targets_of(train), alike(train), l2=_L2)

        def predict(clips: Sequence[Clip]) -> Values:
            return linear.read(self._means(clips))

        return predict

    def _means(self, clips: Sequence[Clip]) -> torch.Tensor:
        return torch.from_numpy(self.features.features(clips, 0).means().astype(np.float32))
