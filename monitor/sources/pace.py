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
        self._held_at: float | None = None
        self._holds = 0
        self._going = asyncio.Event()
        self._going.set()

    def hold(self, *, held: bool) -> None:
        """Stands still, or goes on from where it stood."""
        if held and self._held_at is None:
            self._held_at = self._clock()
            self._holds += 1
            self._going.clear()
        elif not held and self._held_at is not None:
            if self._started is not None:
                self._started += self._clock() - self._held_at
            self._held_at = None
            self._going.set()

    def position(self) -> float:
        """Samples that are due by now; infinite at "max"."""
        now = self._clock() if self._held_at is None else self._held_at
        if self._started is None:
            self._started = now
        return math.inf if self._rate_hz == math.inf else (now - self._started) * self._rate_hz

    async def wait_until(self, position: int) -> None:
        """Returns when that many samples are due and it is not held; lets others run in any case."""
        while True:
            await self._going.wait()
            holds, early = self._holds, position - self.position()
            await self._sleep(early / self._rate_hz if early > 0 else 0)
            if self._holds == holds:  # else it was held meanwhile, and they are due later
                return
