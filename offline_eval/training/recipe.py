"""Every choice of a training run that is not data."""

import difflib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from core.errors import UsageError
from core.ltu_as.config import AudioConfig
from offline_eval.sounds.augment import Augmentation
from offline_eval.training.anchors import Anchors

_SWITCHED = {"anchors": Anchors}
"""Choices that are off, and what they are when they are on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Sizes of the trained parts, and how they are trained.

    Attributes:
        seed: Of weights and draws.
        encoder_layers: Keep so many of Whisper's first blocks; None: all. Emotion is heard best in the lower ones.
        pool: Encoder frames (20 ms) an audio token; 500 make one of a whole utterance.
        window: As long as the `utterance`, or `fixed` at ten seconds.
        level: See `core.ltu_as.config.AudioConfig`; None lets loudness count.
        deviation: See the same.
        piece_s: See the same; None: sounds are heard whole.
        vocabulary: At most this many sub-word pieces.
        hidden: Width of the language model; a multiple of `heads`.
        layers: Depth of the language model.
        heads: Its attention heads.
        feed_forward: Width of its feed-forward layers.
        layer_heads: Heads of TLTR's block over encoder layers.
        standardise: See `core.ltu_as.config.TLTRConfig`.
        join: See the same.
        variants: Augmented variants of each training clip besides the clip itself.
        variants_seed: Of what is done to them.
        augmentation: What they are like.
        anchors: What is taken off the features, for a model that gets to know voices and rooms; None: nothing.
        balance: Emotions are drawn alike within a corpus, and corpora by their `voices` or `corpora` alike; the latter
            draws clips whose words tell the emotion less.
        reading_share: Weight of all unlabelled speech, which is taught as mostly neutral, against 1 for all clips of
            the four emotions. 0: it is not heard.
        teacher_share: Of the targets that is the reading of a linear teacher, fitted on the same examples, of the very
            mix that is heard. 0: labels alone.
        teacher_l2: What its weights are held back by.
        epochs: At most this many; one epoch draws as many clips as there are, with replacement.
        patience: Epochs without a better dev NLL before training stops; without dev speakers it never stops early.
        batch: Clips a step.
        learning_rate: Peak, after a linear warm-up over `warmup` of all steps; then a half cosine down to zero.
        warmup: Share of all steps.
        tltr_rate: Learning rate of TLTR's blocks, as a share of the others'.
        weight_decay: Of matrices.
        guide: Weight of the loss of a small classifier on the mean audio token. It shows TLTR and projection what to
            look for while the language model learns to listen, and is thrown away.
        feature_dropout: Probability that a channel of a feature layer is blanked.
        dropout: Of audio embeddings.
        token_dropout: Probability that an audio token is blanked.
        smoothing: Probability mass that a label gives away: to all four emotions alike, or as `listeners` say.
        listeners: Table of how listeners vote where an emotion was meant; see `offline_eval.training.targets`.
        mixing: Two clips of a batch are heard as one: shares from a beta distribution with this parameter for both,
            targets mixed alike (mixup, Zhang et al. 2018). 0: never.
        own_share: Weight of the model's latest reading of the clip (or of the mix it led) in the percentages it is
            taught to write; the rest is the label's. So the written likelihoods are graded by what the sound leaves
            open.
        transcript_share: Share of the steps with a plain sentence as transcript. Corpora repeat few sentences, so
            their own words are never given.
        others_share: Clips of other emotions a step, as a share of `batch`; they and the batch itself are asked an
            open question, which names nine emotions. 0: never.
        noise_share: Sounds without speech a step, as a share of `batch`; the answer to them is "None". 0: never.
        averaging: Decay per step of the averaged weights that are scored and kept.
        bfloat16: Mixed precision: matrix products and augmented features in bfloat16.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    seed: int = 0
    encoder_layers: int | None = 4
    pool: int = 500
    window: Literal["fixed", "utterance"] = "utterance"
    level: float | None = 1.5
    deviation: bool = True
    piece_s: float | None = None
    vocabulary: int = 1024
    hidden: int = 128
    layers: int = 2
    heads: int = 4
    feed_forward: int = 384
    layer_heads: int = 8
    standardise: bool = True
    join: Literal["mean", "concat"] = "concat"
    variants: int = 2
    variants_seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    anchors: Anchors | None = None
    balance: Literal["voices", "corpora"] = "voices"
    reading_share: float = 0.0
    teacher_share: float = 0.0
    teacher_l2: float = 0.1
    epochs: int = 24
    patience: int = 10
    batch: int = 64
    learning_rate: float = 1e-3
    warmup: float = 0.05
    tltr_rate: float = 0.2
    weight_decay: float = 0.5
    guide: float = 1.0
    feature_dropout: float = 0.5
    dropout: float = 0.3
    token_dropout: float = 0.0
    smoothing: float = 0.1
    listeners: Path | None = None
    mixing: float = 0.8
    own_share: float = 0.5
    transcript_share: float = 0.1
    others_share: float = 0.0
    noise_share: float = 0.125
    averaging: float = 0.99
    bfloat16: bool = True

    def __post_init__(self) -> None:
        if self.anchors is not None and not self.standardise:
            msg = "anchors need standardise"
            raise ValueError(msg)
        _ = self.audio  # refuses pieces of several tokens

    @property
    def audio(self) -> AudioConfig:
        """The window the model hears."""
        return AudioConfig(
            pool=self.pool, window=self.window, level=self.level, deviation=self.deviation, piece_s=self.piece_s
        )


def chosen(recipe: Recipe, choices: Sequence[str]) -> Recipe:
    """The recipe with other choices, each `key=value`, or `augmentation.key=value`.

    `anchors=default` switches anchors on, as does `anchors.key=value`.

    Raises:
        UsageError: A key is unknown, or a value does not fit it.
    """
    from pydantic import TypeAdapter, ValidationError

    values = asdict(recipe)
    for choice in choices:
        key, equals, value = choice.partition("=")
        *path, last = key.strip().split(".")
        place = values
        for name in path:
            if name in _SWITCHED and place.get(name) is None:
                place[name] = asdict(_SWITCHED[name]())
            place = place[name] if isinstance(place.get(name), dict) else {}
        if not equals or last not in place:
            near = difflib.get_close_matches(last, place or values, n=1)
            msg = f"the recipe has no choice {key!r}" if equals else f"{choice!r} is not key=value"
            raise UsageError(msg, hint=f"did you mean {near[0]}?" if near else f"choices: {', '.join(values)}")
        if last in _SWITCHED and value.strip().lower() == "default":
            place[last] = asdict(_SWITCHED[last]())
            continue
        is_range = isinstance(place[last], tuple)
        place[last] = None if value.strip().lower() == "none" else value.split("..") if is_range else value
    try:
        return TypeAdapter(Recipe).validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"{'.'.join(map(str, first['loc']))}: {first['msg'].lower()}"
        raise UsageError(msg) from error
