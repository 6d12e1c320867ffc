"""When to stop trying: a process that keeps dying is left alone for a while."""

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class CircuitBreaker:
    """Pure state machine over the times of failures.

    Opens at `limit` failures within `window_s`. After each back-off one more start is tried. Until `window_s` have then
    passed without a failure it is on probation: a single failure opens it again, with twice the back-off.
    """

    limit: int = 5
    window_s: float = 60.0
    backoff_s: float = 5.0
    max_backoff_s: float = 60.0
    _failures: deque[float] = field(default_factory=deque, init=False)
    _last_backoff_s: float = field(default=0.0, init=False)
    _probation_ends_s: float = field(default=0.0, init=False)

    def record(self, now_s: float) -> float:
        """Notes a failure; returns how long to wait before the next start: 0 while the breaker is closed."""
        self._failures.append(now_s)
        while self._failures[0] <= now_s - self.window_s:
            self._failures.popleft()
        if self._last_backoff_s and now_s < self._probation_ends_s:
            backoff_s = min(2 * self._last_backoff_s, self.max_backoff_s)
        elif len(self._failures) >= self.limit:
            backoff_s = self.backoff_s
        else:
            return 0.0
        self._failures.clear()
        self._last_backoff_s = backoff_s
        self._probation_ends_s = now_s + backoff_s + self.window_s
        return backoff_s
