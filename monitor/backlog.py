"""Captured sound on its way from the sound card's thread to the event loop."""

import threading
from collections import deque

import numpy as np
from numpy.typing import NDArray

BACKLOG_S = 30.0
"""Sound that a real-time source keeps for a late consumer; what is older is lost and counted."""


class Backlog:
    """A bounded queue of blocks between two threads; when it is full, the oldest sound is lost and counted.

    Args:
        capacity: Frames it holds.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._blocks: deque[tuple[NDArray[np.int16], int]] = deque()
        self._held = 0
        self._lost = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Blocks that wait."""
        return len(self._blocks)

    def push(self, block: NDArray[np.int16], lost: int = 0) -> None:
        """Adds int16 [frames, channels], before which `lost` frames went missing."""
        with self._lock:
            self._blocks.append((block, lost))
            self._held += len(block)
            while self._held > self._capacity:
                old, lost_before = self._blocks.popleft()
                self._held -= len(old)
                self._lost += lost_before + len(old)

    def pop(self) -> tuple[NDArray[np.int16], int] | None:
        """Takes the oldest block and the frames that were lost before it, or None when there is none."""
        with self._lock:
            if not self._blocks:
                return None
            block, lost = self._blocks.popleft()
            self._held -= len(block)
            lost += self._lost
            self._lost = 0
            return block, lost
