"""How loud it is where nobody speaks."""

from collections import deque

WINDOW_S = 10.0
"""Sound outside of utterances that is looked back on."""
KNOWN_AFTER_S = 0.5
"""Less than this says nothing yet."""
SHARE = 0.1
"""Of the window, what is at most as loud as the floor: speech before it is noticed, steps and doors are louder."""


class NoiseFloor:
    """A low percentile of the level over the last `WINDOW_S` of sound outside of utterances.

    Only such sound makes it forget: while somebody speaks for long, the floor of before stays. How sound is cut into
    blocks matters only as far as the level within a block is one number.
    """

    def __init__(self) -> None:
        self._blocks: deque[tuple[float, float]] = deque()
        self._held_s = 0.0

    def push(self, level_dbfs: float, duration_s: float) -> None:
        """Takes a block of sound that is part of no utterance.

        Args:
            level_dbfs: Its root mean square.
            duration_s: Its length; a block of none is ignored.
        """
        if duration_s <= 0:
            return
        self._blocks.append((level_dbfs, duration_s))
        self._held_s += duration_s
        while self._held_s - self._blocks[0][1] >= WINDOW_S:
            self._held_s -= self._blocks.popleft()[1]

    @property
    def dbfs(self) -> float | None:
        """The floor, or None before `KNOWN_AFTER_S` of sound."""
        if self._held_s < KNOWN_AFTER_S:
            return None
        quieter_s = 0.0
        for level_dbfs, duration_s in sorted(self._blocks):
            quieter_s += duration_s
            if quieter_s >= SHARE * self._held_s:
                return level_dbfs
        return max(self._blocks)[0]  # rounding has left a little of the sum over
