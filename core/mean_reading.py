"""What one stream is read as on average: state of a stream, for models that do not hear the difference themselves.

A reading is divided by the stream's mean reading and taken towards what streams hold: what a model hears in everything
that a voice says is the voice (batch calibration, Zhou et al. 2024, with a prior that is stated and a mean that begins
at it). A model whose input is shifted by an anchor needs none of this; see `core.anchor`.
"""

from dataclasses import dataclass, field
from typing import Self

from core.anchor import HALF_LIFE_S
from core.distribution import EmotionDistribution

EXPECTED = EmotionDistribution(anger=0.1, happiness=0.1, sadness=0.1, neutral=0.7)
"""What is taken for the mean of a stream of which nothing was heard, and for what its readings should come to."""

PSEUDO_UTTERANCES = 10.0
"""So many readings like that are counted before the stream's own."""


def _nothing() -> tuple[float, ...]:
    return (0.0,) * len(tuple(EXPECTED))


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanReading:
    """The mean of a stream's past readings; bounded, and it forgets.

    Attributes:
        model: Names what read; readings of another model are of another kind.
        sums: Of the probabilities of EMOTIONS.
        mass: Readings, with what is forgotten taken off.
        utterances: How many it was made of.
        at_s: Where the last of them ended, in seconds of the stream's sound.
    """

    model: str = ""
    sums: tuple[float, ...] = field(default_factory=_nothing)
    mass: float = 0.0
    utterances: int = 0
    at_s: float = 0.0

    def of(self, model: str) -> Self:
        """Itself if it is of this model, else one of which nothing was heard."""
        return self if self.model == model else type(self)(model=model)

    def push(self, reading: EmotionDistribution, *, at_s: float) -> Self:
        """With one reading more, as the model gave it, of an utterance that ended `at_s`."""
        kept = 0.5 ** (max(at_s - self.at_s, 0.0) / HALF_LIFE_S)
        return type(self)(
            model=self.model,
            sums=tuple(kept * old + new for old, new in zip(self.sums, reading, strict=True)),
            mass=kept * self.mass + 1,
            utterances=self.utterances + 1,
            at_s=max(at_s, self.at_s),
        )

    @property
    def weight(self) -> float:
        """How far the stream's own mean is believed, from 0 to 1."""
        return self.mass / (self.mass + PSEUDO_UTTERANCES)

    def levelled(self, reading: EmotionDistribution) -> EmotionDistribution:
        """The reading with the stream's mean taken off; before anything was heard, the reading as it is."""
        whole = self.mass + PSEUDO_UTTERANCES
        means = [(PSEUDO_UTTERANCES * e + s) / whole for e, s in zip(EXPECTED, self.sums, strict=True)]
        return EmotionDistribution.from_weights([p * e / m for p, e, m in zip(reading, EXPECTED, means, strict=True)])
