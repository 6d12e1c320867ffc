"""Every choice of a training run that is not data."""

from dataclasses import dataclass, field

from offline_eval.training.augment import Augmentation


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Sizes of the trained parts, and how they are trained.

    Attributes:
        seed: Of weights, draws, and augmented variants.
        vocabulary: At most this many sub-word pieces.
        hidden: Width of the language model; a multiple of `heads`.
        layers: Depth of the language model.
        heads: Its attention heads.
        feed_forward: Width of its feed-forward layers.
        layer_heads: Heads of TLTR's block over encoder layers.
        variants: Augmented variants of each training clip besides the clip itself.
        augmentation: What they are like.
        epochs: At most this many; one epoch draws as many clips as there are, with replacement.
        patience: Epochs without a better dev NLL before training stops.
        batch: Clips a step.
        learning_rate: Peak, after a linear warm-up over `warmup` of all steps; then a half cosine down to zero.
        warmup: Share of all steps.
        weight_decay: Of matrices.
        dropout: Of audio embeddings.
        token_dropout: Probability that an audio token is blanked.
        smoothing: Probability mass that a hard label gives away to all four emotions alike.
        own_share: Weight of the model's latest reading of the clip in the percentages it is taught to write; the rest
            is the label's. So the written likelihoods are graded by what the sound leaves open.
        transcript_share: Share of the steps with a plain sentence as transcript. Corpora repeat few sentences, so
            their own words are never given.
        averaging: Decay per step of the averaged weights that are scored and kept.
    """

    seed: int = 0
    vocabulary: int = 1024
    hidden: int = 128
    layers: int = 3
    heads: int = 4
    feed_forward: int = 384
    layer_heads: int = 8
    variants: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)
    epochs: int = 8
    patience: int = 3
    batch: int = 32
    learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.05
    dropout: float = 0.2
    token_dropout: float = 0.1
    smoothing: float = 0.1
    own_share: float = 0.5
    transcript_share: float = 0.1
    averaging: float = 0.98
