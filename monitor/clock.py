"""How long ago something was, and what time it is, on machines whose wall clock is set while the program runs.

One without a clock chip begins at a wrong time and is set when the network is there: by hours, or years.
"""

import sys
import time
from collections.abc import Callable

STEP_S = 0.5
"""A wall clock that is off by more was set; what is below lies between two looks at two clocks."""


def steady_s() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps: for how old something is."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


class WallClock:
    """Notices when the wall clock is set.

    Args:
        steady: Seconds on a clock that nobody sets. Beside one that stands still while the machine sleeps, as
            `time.monotonic` may, waking up looks the same as being set.

    Attributes:
        offset_s: What is added to `steady` for seconds since the epoch, as the wall clock stood at the last look.
    """

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self.offset_s = time.time() - steady()

    def moved_s(self) -> float:
        """Looks at it: by how much it was set since the last look, 0 if it was not."""
        offset_s = time.time() - self._steady()
        moved_s = offset_s - self.offset_s
        if abs(moved_s) < STEP_S:
            return 0.0
        self.offset_s = offset_s
        return moved_s
