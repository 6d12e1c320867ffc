"""A trained model folder as a system."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from core.ltu_as.reader import LTUASReader
from offline_eval.comparison.system import Predictor
from offline_eval.labels.clips import Clip
from offline_eval.training.readings import read_clips


class FinishedModel:
    """A model folder with its default prompt, read-out and calibration. It must not have heard the clips it reads.

    Raises:
        ModelError: The folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        # Every clip is scored, so that no system may choose its clips.
        self._model = LTUASReader(folder, abstain=False)
        self.name = self._model.stamp.name
        self.recipe = repr(self._model.stamp)

    def fit(self, train: Sequence[Clip]) -> Predictor:  # noqa: ARG002
        """Learns nothing."""
        return partial(read_clips, self._model)
