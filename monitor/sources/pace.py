"""The clock of a source that is played rather than captured."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

from core.model import SAMPLE_RATE_HZ
from monitor.sources.source import Speed


class Pace:
    """Says when each sample of a stream is due. Starts with the first question.

    Every deadline counts from the start, so waiting that takes too long is made up for and nothing drifts.

    Args:
        speed: Multiple of real time, or "max" for no waiting at all.
        clock: Seconds, never going back.
        sleep: Waits that long.
    """

    def __init__(
        self,
        speed: Speed,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._rate_hz = math.inf if speed == "max" else speed * SAMPLE_RATE_HZ
        self._clock = clock
        self._sleep = sleep
        self._started: float | None = None

    def position(self) -> float:
        """Samples that are due by now; infinite at "max"."""
        now = self._clock()
        if self._started is None:
            self._started = now
        return math.inf if self._rate_hz == math.inf else (now - self._started) * self._rate_hz

    async def wait_until(self, position: int) -> None:
        """Returns when that many samples are due; lets others run in any case."""
        early = position - self.position()
        await self._sleep(early / self._rate_hz if early > 0 else 0)
