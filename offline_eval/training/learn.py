"""From labelled recordings to a trained model: features, material, fit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.ltu_as.features import INT16_SCALE
from core.ltu_as.model import LTUAS
from core.ltu_as.tokenizer import Tokenizer
from offline_eval.labels.clips import UNLABELLED, Clip, OtherClip, Recording
from offline_eval.sounds.content_free import content_free_sounds
from offline_eval.training.answers import OPEN_ANSWERS
from offline_eval.training.encoder import Encoder
from offline_eval.training.feature_cache import FeatureCache, Features
from offline_eval.training.linear import Linear, learn_linearly
from offline_eval.training.material import Material
from offline_eval.training.network import build, taken_up
from offline_eval.training.objective import AnswerLoss
from offline_eval.training.recipe import Recipe
from offline_eval.training.trainer import Epoch, Track, fit, read_features
from offline_eval.training.vocabulary import train_vocabulary

_NOISE_ROUNDS = 8
"""How often each kind of noise is made anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class School:
    """What models are trained with.

    Attributes:
        encoder: Of the recipe's size and window.
        recipe: How.
        cache: Folder of encoder features, and of runs that were interrupted.
        progress: Told about long work.
        track: Shows the steps of an epoch.
        start: A model folder whose training goes on; the encoder must be its own. None: random weights.
    """

    encoder: Encoder
    recipe: Recipe
    cache: Path
    progress: Callable[[str], None]
    track: Track = lambda steps, _: steps
    start: Path | None = None

    def learn(
        self, train: Sequence[Clip], others: Sequence[OtherClip], dev: Sequence[Clip], *, name: str, run: str
    ) -> tuple[LTUAS, list[Epoch]]:
        """Trains a model; `run` names the file that an interrupted run goes on from, which a finished one removes.

        Raises:
            AudioError: A clip cannot be decoded.
            TrainingError: The loss became infinite or NaN.
        """
        material = self._material(train, others, dev)
        if self.start is None:
            tokenizer = Tokenizer(train_vocabulary(self.recipe.vocabulary))
            model = build(self.recipe, self.encoder, tokenizer, name=name)
        else:
            model = taken_up(self.start, self.recipe, name=name)
        checkpoint = self.cache / f"{run}.pt"
        epochs = fit(
            model,
            material,
            self.recipe,
            progress=self.progress,
            track=self.track,
            checkpoint=checkpoint,
            scale=self.start is None,
        )
        checkpoint.unlink(missing_ok=True)
        return model.eval(), epochs

    def read(self, model: LTUAS, clips: Sequence[Clip], prompts: Sequence[str]) -> NDArray[np.float64]:
        """[N, 4]: the mean over prompts of what a trained model reads, from cached features."""
        return read_features(model, AnswerLoss(model.tokenizer), self._features(clips, 0), prompts)

    def learn_linearly(self, train: Sequence[Clip]) -> Linear:
        """See `offline_eval.training.linear.learn_linearly`."""
        return learn_linearly(train, self._cache)

    def _material(self, train: Sequence[Clip], others: Sequence[OtherClip], dev: Sequence[Clip]) -> Material:
        variants = range(1 + self.recipe.variants)
        asked = [clip for clip in others if clip.label in OPEN_ANSWERS] if self.recipe.others_share else []
        readings = [clip for clip in others if clip.label == UNLABELLED] if self.recipe.reading_share else []
        return Material(
            train=train,
            readings=readings,
            train_features=[self._features([*train, *readings], variant) for variant in variants],
            others=asked,
            other_features=[self._features(asked, variant) for variant in variants] if asked else (),
            noise_features=self._noise() if self.recipe.noise_share else None,
            dev=dev,
            dev_features=self._features(dev, 0) if dev else None,
        )

    def _noise(self) -> Features:
        self.progress("features of sounds without speech")
        sounds = [sound for n in range(_NOISE_ROUNDS) for sound in content_free_sounds(self.recipe.seed + n)]
        return Features.of(self._cache.heard((sound / INT16_SCALE).astype(np.float32)) for sound in sounds)

    def _features(self, clips: Sequence[Recording], variant: int) -> Features:
        return self._cache.features(clips, variant)

    @property
    def _cache(self) -> FeatureCache:
        recipe = self.recipe
        return FeatureCache(
            folder=self.cache,
            encoder=self.encoder,
            augmentation=recipe.augmentation,
            seed=recipe.variants_seed,
            bfloat16=recipe.bfloat16,
            progress=self.progress,
        )
