"""An utterance whose ratings have become a distribution that a model can be held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS, EmotionDistribution
from offline_eval.labels.annotation import AnnotatedUtterance

Agreement = Literal["unanimous", "majority", "plurality", "tie"]
"""All votes for one emotion; more than half; more than for any other; two or more emotions in front."""

AGREEMENTS: tuple[Agreement, ...] = ("unanimous", "majority", "plurality", "tie")


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedUtterance:
    """An utterance that a label policy keeps.

    Attributes:
        utterance: What was read.
        human: Shares of the votes.
        votes: One row per rater, [raters][4] in the order of EMOTIONS; the rows sum to `human` up to scale.
        hard_label: The emotion that scores of hard labels compare with; None where the policy gives a tie none.
        agreement: Of the votes.
    """

    utterance: AnnotatedUtterance
    human: EmotionDistribution
    votes: tuple[tuple[float, ...], ...]
    hard_label: str | None
    agreement: Agreement

    @property
    def cluster(self) -> str:
        """What a bootstrap draws as one: the dialogue, or the speaker where there are no dialogues."""
        return self.utterance.dialogue or self.utterance.speaker


def humans_of(rated: Sequence[RatedUtterance]) -> NDArray[np.float64]:
    """[N, 4] human distributions."""
    return np.array([list(one.human) for one in rated], dtype=np.float64).reshape(-1, len(EMOTIONS))
