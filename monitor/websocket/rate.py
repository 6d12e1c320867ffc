"""How fast sound may come."""

import math

from core.model import SAMPLE_RATE_HZ

HEADROOM = 1.01
"""A live sender's clock may run faster than ours."""
SMALLEST_FRAME = 64
"""A frame costs at least as much as so many samples, so that many tiny ones are no way around the limit."""


class RateLimit:
    """A token bucket of samples: real time, times a speed, and a burst on top.

    It belongs to the server, not to a connection: connecting anew gives no new burst.

    Args:
        speed: Multiple of real time; infinite for no limit.
        burst_s: Sound that may come at once, in seconds.
    """

    def __init__(self, speed: float, burst_s: float) -> None:
        self.speed = speed
        self.burst_s = burst_s
        self._burst = burst_s * SAMPLE_RATE_HZ
        self._tokens = self._burst
        self._at_s = -math.inf

    def allows(self, samples: int, now_s: float) -> bool:
        """Whether that many samples may come now; then they have come. `now_s` is monotonic time, in seconds."""
        if self.speed == math.inf:
            return True
        passed_s = max(now_s - self._at_s, 0.0)
        self._tokens = min(self._burst, self._tokens + passed_s * SAMPLE_RATE_HZ * self.speed * HEADROOM)
        self._at_s = now_s
        cost = max(samples, SMALLEST_FRAME)
        if cost > self._tokens:
            return False
        self._tokens -= cost
        return True
