"""From listeners' votes to a target over the four emotions, and when votes give none."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from core.distribution import EMOTIONS, EmotionDistribution
from offline_eval.labels.spelling import normalised

FEWEST_VOTES = 2
"""A clip needs so many votes for the four emotions: of one vote, nobody knows how much listeners differ."""

LEAST_SHARE = 0.5
"""The four emotions need this share of a clip's votes: of a clip that most heard as fear, what the rest say about the
four is no description of it."""

NO_VOTES = "no votes"
TOO_FEW = f"fewer than {FEWEST_VOTES} votes for the four emotions"
MOSTLY_OTHER = "fewer than half of the votes for the four emotions"


@dataclass(frozen=True, slots=True)
class Votes:
    """What was heard in one clip: by several listeners, or by whoever labelled it.

    Attributes:
        of: Label, as `normalised` spells it, to number of votes, or to their share.
        counted: Whether these are numbers; shares do not tell how many voted.
    """

    of: Mapping[str, float]
    counted: bool = True

    @classmethod
    def all_for(cls, *labels: str) -> Self:
        """A label in any spelling, or several that share the votes alike."""
        return cls({normalised(label): 1 / len(labels) for label in labels}, counted=False)

    @property
    def refusal(self) -> str | None:
        """Why these votes give no target, or None if they do."""
        total, in_four = math.fsum(self.of.values()), math.fsum(self._four())
        if not total:
            return NO_VOTES
        if in_four < LEAST_SHARE * total:
            return MOSTLY_OTHER
        if self.counted and in_four < FEWEST_VOTES:
            return TOO_FEW
        return None

    def target(self) -> EmotionDistribution:
        """The shares of the four emotions among the votes for the four; ties stay ties.

        Raises:
            ValueError: There is no vote for any of the four.
        """
        return EmotionDistribution.from_weights(self._four())

    @property
    def outside(self) -> dict[str, float]:
        """Votes for anything else, where there are any."""
        return {label: number for label, number in self.of.items() if label not in EMOTIONS and number}

    @property
    def leading(self) -> str | None:
        """The label with the most votes; None in a tie or without votes."""
        most = max(self.of.values(), default=0)
        leaders = [label for label, number in self.of.items() if number == most]
        return leaders[0] if most and len(leaders) == 1 else None

    def _four(self) -> list[float]:
        return [self.of.get(emotion, 0) for emotion in EMOTIONS]
