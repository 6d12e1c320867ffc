"""What a finished model reads in clips: from their sound files, the way the live program reads."""

from collections.abc import Sequence

import numpy as np

from core.errors import UsageError
from core.model import EmotionModel
from core.sound.audio import read_audio
from offline_eval.labels.clips import Clip
from offline_eval.scoring.metrics.sample import Values

_READ_AT_ONCE = 8


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
