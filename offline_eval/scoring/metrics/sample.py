"""What a measure looks at: for the same utterances what people heard and what a model read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS
from offline_eval.labels.clips import Clip, targets_of
from offline_eval.labels.rated import RatedUtterance, humans_of

Values = NDArray[np.float64]

NO_LABEL = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """N utterances, of any number of classes.

    Attributes:
        human: [N, classes] shares of the votes.
        model: [N, classes] probabilities that were read, without invalid ones.
        label: [N] index of the hard label, NO_LABEL where the utterance has none.
        raters: [N] number of raters.
        unanimous: [N] whether all votes are for one emotion.
        majority: [N] whether more than half of the votes are for one emotion.
    """

    human: Values
    model: Values
    label: NDArray[np.intp]
    raters: Values
    unanimous: NDArray[np.bool_]
    majority: NDArray[np.bool_]

    @classmethod
    def of(cls, rated: Sequence[RatedUtterance], model: Values) -> Self:
        """Rated utterances and what a model read of them, [N, 4]."""
        label = [NO_LABEL if one.hard_label is None else EMOTIONS.index(one.hard_label) for one in rated]
        return cls(
            human=humans_of(rated),
            model=np.asarray(model, dtype=np.float64),
            label=np.array(label, dtype=np.intp),
            raters=np.array([len(one.votes) for one in rated], dtype=np.float64),
            unanimous=np.array([one.agreement == "unanimous" for one in rated], dtype=np.bool_),
            majority=np.array([one.agreement in {"unanimous", "majority"} for one in rated], dtype=np.bool_),
        )

    @classmethod
    def of_clips(cls, clips: Sequence[Clip], model: Values) -> "Sample":
        """Labelled clips as what one rater heard; the first emotion of a tie is the label, as it is in training."""
        targets = targets_of(clips)
        return replace(cls.of_shares(targets, model), label=targets.argmax(1))

    @classmethod
    def of_shares(cls, human: Values, model: Values) -> Self:
        """Distributions alone, [N, classes]: one rater each, the label is the one class that leads."""
        human = np.asarray(human, dtype=np.float64)
        top = human.max(1)
        leads = (human == top[:, None]).sum(1) == 1
        return cls(
            human=human,
            model=np.asarray(model, dtype=np.float64),
            label=np.where(leads, human.argmax(1), NO_LABEL),
            raters=np.ones(len(human)),
            unanimous=top == 1,
            majority=top > 0.5,  # noqa: PLR2004 - a half
        )

    def __len__(self) -> int:
        return len(self.human)

    def rows(self, chosen: NDArray[np.bool_]) -> "Sample":
        """The chosen utterances, [N]."""
        return Sample(
            human=self.human[chosen],
            model=self.model[chosen],
            label=self.label[chosen],
            raters=self.raters[chosen],
            unanimous=self.unanimous[chosen],
            majority=self.majority[chosen],
        )

    def read_as(self, model: Values) -> "Sample":
        """The same utterances with what another model read of them."""
        return replace(self, model=model)
