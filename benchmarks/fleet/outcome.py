"""What a simulation came to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Counts of everything heard: offered = answered + expired + dropped.

    Attributes:
        offered: What was to be read, interim versions included.
        answered: Read in time.
        expired: Not answered by the deadline.
        dropped: Never asked, by reason.
        sent: Attempts, first ones included.
        resent: Attempts after the first.
        duplicates: Answers to what was answered already.
        late: Answers to what had expired.
        failures: Of workers.
        utilisation: Share of the time of all workers that went into finished batches.
        batch: Utterances read at once, on average.
        waits_s: From when a whole utterance was handed on to when the reading that counted began, float64 [n].
        sojourns_s: To when the answer was there.
    """

    offered: int
    answered: int
    expired: int
    dropped: Mapping[str, int]
    sent: int
    resent: int
    duplicates: int
    late: int
    failures: int
    utilisation: float
    batch: float
    waits_s: NDArray[np.float64]
    sojourns_s: NDArray[np.float64]

    @property
    def expired_share(self) -> float:
        """Of what was asked."""
        asked = self.answered + self.expired
        return self.expired / asked if asked else 0.0

    @property
    def lost_share(self) -> float:
        """Expired, or dropped for want of room or time, of all that was offered; superseded versions are no loss."""
        lost = self.expired + self.dropped["overload"] + self.dropped["too_late"]
        return lost / self.offered if self.offered else 0.0

    def wait_s(self, percent: float) -> float:
        """Percentile of waiting."""
        return float(np.percentile(self.waits_s, percent)) if len(self.waits_s) else 0.0
