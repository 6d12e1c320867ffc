"""How long a batch may take before its process counts as hung."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

MARGIN = 10.0
"""A batch may take so many times what 99 of 100 like it took."""
ENOUGH = 5
"""Batches of a kind that must have been read before anything is known of it."""
KEPT = 200


@dataclass(slots=True, kw_only=True)
class Deadline:
    """Pure state machine over the times that batches took, per utterance in them.

    Batches whose answers are written out are a kind of their own: that may take many times as long. Of a kind of which
    too little is known, a batch may take `most_s`. Each that took too long doubles what the next may take, until one is
    in time again: a machine that has become slow is not taken for a hang for ever.
    """

    most_s: float
    least_s: float = 5.0
    _took_s: dict[bool, deque[float]] = field(default_factory=dict, init=False)
    _patience: float = field(default=1.0, init=False)

    def of(self, utterances: int, *, written: bool) -> float:
        """What a batch may take."""
        return min(self._patience * self._usual_s(utterances, written=written), self.most_s)

    def note(self, took_s: float, utterances: int, *, written: bool) -> None:
        """A batch was read."""
        if took_s <= self._usual_s(utterances, written=written):
            self._patience = 1.0
        self._took_s.setdefault(written, deque(maxlen=KEPT)).append(took_s / max(utterances, 1))

    def miss(self) -> None:
        """A batch took too long."""
        self._patience = min(2 * self._patience, max(self.most_s / self.least_s, 1.0))

    def forget(self) -> None:
        """Another model is asked from now on."""
        self._took_s.clear()
        self._patience = 1.0

    def _usual_s(self, utterances: int, *, written: bool) -> float:
        known = self._took_s.get(written, ())
        if len(known) < ENOUGH:
            return self.most_s
        expected_s = float(np.percentile(known, 99, method="higher")) * utterances
        return min(max(MARGIN * expected_s, self.least_s), self.most_s)
