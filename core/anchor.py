"""What one stream sounds like when its speaker is neutral: state of a stream, for models that hear the difference.

It is about a voice and a room. So it lives in memory, ends with its stream, and goes nowhere but to the inference
process; where utterances are read elsewhere (`remote.broker`), to that of a worker, with each utterance.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.distribution import EmotionDistribution

HALF_LIFE_S = 1800.0
"""What was heard so long ago counts half: people move, and rooms fill."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What an encoder made of one utterance.

    Attributes:
        encoder: Names the encoder; features of another one are of another world.
        features: float32 [K], means over the utterance.
    """

    encoder: str
    features: NDArray[np.float32]


def _nothing() -> NDArray[np.float32]:
    return np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Anchor:
    """The mean of a stream's past utterances, each weighted by how neutral it was heard; bounded, and it forgets.

    The weight is the square of p(neutral): with p itself, a stream of which 60 % is one emotion was read worse than
    without an anchor; with the square, none was, and streams mostly neutral were read as well after as few utterances.

    Attributes:
        encoder: Names the encoder of the features; empty before the first utterance.
        mean: float32 [K], or [0] before the first utterance.
        mass: Sum of the weights: utterances heard as neutral, with what is forgotten taken off.
        utterances: How many it was made of.
        at_s: Where the last of them ended, in seconds of the stream's sound.
    """

    encoder: str = ""
    mean: NDArray[np.float32] = field(default_factory=_nothing)
    mass: float = 0.0
    utterances: int = 0
    at_s: float = 0.0

    def push(self, heard: Heard, distribution: EmotionDistribution, *, at_s: float) -> Self:
        """The anchor with one utterance more, which ended `at_s`; features of another encoder begin a new one."""
        old = self if self.encoder == heard.encoder and len(self.mean) == len(heard.features) else type(self)()
        kept = old.mass * 0.5 ** (max(at_s - old.at_s, 0.0) / HALF_LIFE_S)
        weight = distribution.neutral**2
        mass = kept + weight
        share = weight / mass if mass > 0 else 0.0
        before = old.mean if old.utterances else heard.features
        return type(self)(
            encoder=heard.encoder,
            mean=before + np.float32(share) * (heard.features - before),
            mass=mass,
            utterances=old.utterances + 1,
            at_s=max(at_s, old.at_s),
        )

    def weight(self, pseudo_utterances: float) -> float:
        """How far the anchor is to be believed, from 0 to 1, against so many utterances of nobody in particular."""
        return self.mass / (self.mass + pseudo_utterances) if self.mass > 0 else 0.0
