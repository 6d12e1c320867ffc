"""A model that hears the difference to what a stream sounds like when it is neutral: the input of TLTR is shifted.

x' = x - w (anchor - m): m is what the training speech is like (TLTR's own moment), and w, from 0 to 1, grows with what
the anchor was made of. A stream of which nothing was heard is read as it is.
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from core.anchor import Anchor, Heard
from core.ltu_as.config import AnchorConfig
from core.ltu_as.features import EncodedSounds
from core.ltu_as.model import LTUAS
from core.wire.events import Adaptation


class Anchoring:
    """Shifts features by anchors, and says what anchors are to be made of.

    Args:
        model: One whose encoder is still as it was loaded.
        config: The model's.
    """

    def __init__(self, model: LTUAS, config: AnchorConfig) -> None:
        self._pseudo_utterances = config.pseudo_utterances
        self._mean = model.audio_encoder.input_mean[:, 0].float().cpu()
        self._encoder = _sha256(model.whisper.state_dict())

    def shifted(self, sounds: EncodedSounds, anchors: Sequence[Anchor | None]) -> EncodedSounds:
        """What is left of the features when each stream's own sound is taken off."""
        return sounds.shifted(torch.stack([self._shift(anchor) for anchor in anchors]))

    def heard(self, means: Tensor) -> Heard:
        """What the anchor of a stream is to be told of an utterance with means [layers, d_model]."""
        return Heard(self._encoder, means.flatten().numpy())

    def adaptation(self, anchor: Anchor) -> Adaptation:
        """What an utterance was read with."""
        weight = self._weight(anchor)
        return Adaptation(utterances=anchor.utterances if weight else 0, weight=weight)

    def _shift(self, anchor: Anchor | None) -> Tensor:
        weight = self._weight(anchor)
        if anchor is None or not weight:
            return torch.zeros_like(self._mean)
        return weight * (torch.from_numpy(anchor.mean).view_as(self._mean) - self._mean)

    def _weight(self, anchor: Anchor | None) -> float:
        """Of an anchor of another encoder nothing is taken."""
        if anchor is None or anchor.encoder != self._encoder:
            return 0.0
        return anchor.weight(self._pseudo_utterances)


def _sha256(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].float().cpu().numpy().tobytes())
    return digest.hexdigest()
