"""A trained model folder as a system: it reads from sound files, the way the live program reads."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import UsageError
from core.ltu_as.reader import LTUASReader
from core.model import EmotionModel
from core.sound.audio import read_audio
from offline_eval.comparison.system import Predictor
from offline_eval.labels.clips import Clip
from offline_eval.scoring.scores import Values

_READ_AT_ONCE = 8


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
        return self._read

    def _read(self, clips: Sequence[Clip]) -> Values:
        return read_clips(self._model, clips)


def read_clips(model: EmotionModel, clips: Sequence[Clip]) -> Values:
    """[N, 4] readings.

    Raises:
        UsageError: The model has no reading of a clip.
        AudioError: A clip cannot be decoded.
    """
    rows = []
    for start in range(0, len(clips), _READ_AT_ONCE):
        some = clips[start : start + _READ_AT_ONCE]
        for clip, reading in zip(some, model.read([read_audio(clip.path) for clip in some]), strict=True):
            if reading.distribution is None:
                msg = f"{clip.path}: no reading: {reading.reason}"
                raise UsageError(msg, hint="leave the clip out of the data")
            rows.append(list(reading.distribution))
    return np.array(rows)
