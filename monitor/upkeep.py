"""What CPython keeps for reuse is given back from time to time, so that a program that runs for days stays as it is."""

import atexit
import gc
import time
from collections.abc import Callable

from core.wire.events import HealthEvent

EVERY_S = 60.0


class Upkeep:
    """Once the model is ready, has the whole heap collected every EVERY_S. It goes by health events.

    CPython keeps freed tuples in stores, up to 2000 of each length to 20, and empties them in a full collection only. A
    tuple that was made longer than it became, as those from generators are, goes to another store than it came from: so
    the stores fill, by some two hundred bytes an utterance. By itself a full collection comes once there are a quarter
    more objects than after the one before, which here takes days.

    What is there when the model is ready is set aside for good: thousands of functions and classes, which would make
    each collection take a tenth of a second.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due_s: float | None = None

    def tell(self, health: HealthEvent) -> None:
        """Takes note of the time, too."""
        now_s = self._clock()
        if self._due_s is None and health.worker.state == "starting":
            return
        if self._due_s is None:
            gc.freeze()
            atexit.register(gc.unfreeze)  # what is still there when the interpreter ends counts as leaked for nanobind
        elif now_s < self._due_s:
            return
        gc.collect()
        self._due_s = now_s + EVERY_S
