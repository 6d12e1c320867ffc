"""What can be compared: something that learns from labelled clips, and then reads others."""

from collections.abc import Callable, Sequence
from typing import Protocol

from offline_eval.labels.clips import Clip
from offline_eval.scoring.metrics.sample import Values

Predictor = Callable[[Sequence[Clip]], Values]
"""Clips to their distributions, float64 [N, 4] in the order of the clips and of EMOTIONS."""


class System(Protocol):
    """One way of reading emotion from speech."""

    @property
    def name(self) -> str:
        """Unique within a comparison: in its tables, and in the names of cached files."""

    @property
    def recipe(self) -> str:
        """Changes whenever the same clips would give other predictions; finished folds are reused while it does not."""

    def fit(self, train: Sequence[Clip]) -> Predictor:
        """Learns from labelled clips; no speaker of them is read with the result.

        Raises:
            EmotionMonitorError: The clips cannot be used or decoded.
        """
