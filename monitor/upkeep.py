"""What CPython and the C library keep for reuse is given back, so that a program that runs for days stays as it is."""

import atexit
import ctypes
import gc
import sys
import time
from collections.abc import Callable

from core.wire.health import HealthEvent

EVERY_S = 60.0

LARGE_BYTES = 128 * 1024
"""Blocks as large as this are given back when they are freed: glibc's own choice, until it sees some larger ones go."""
_M_MMAP_THRESHOLD = -3  # malloc.h


def give_back_large_blocks() -> bool:
    """From now on the C library takes every large block from the system and gives it back; whether it can be told so.

    glibc does so at first. But whenever such a block is freed, it takes blocks of that size from its heap henceforth,
    which shrinks from its top only: the sound of an utterance, some 300 kB, then leaves room behind that stays.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    return bool(mallopt and mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES))


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
