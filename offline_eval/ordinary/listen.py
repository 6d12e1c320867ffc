"""Recordings cut into utterances and read, each as a stream of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core import recording as recordings
from core.distribution import EmotionDistribution
from core.model import EmotionModel, Reading
from core.settings import Settings
from core.sound.audio import decode_blocks


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One utterance.

    Attributes:
        recording: Its file.
        start_s: Where it begins in it.
        duration_s: Its length.
        reading: What was heard in it.
        beside: What something else hears in it, if that was asked for and there is a reading.
    """

    recording: Path
    start_s: float
    duration_s: float
    reading: Reading
    beside: EmotionDistribution | None = None


Hears = Callable[[NDArray[np.int16]], EmotionDistribution]


def listen(recording: Path, model: EmotionModel, settings: Settings, *, beside: Hears | None = None) -> Iterator[Said]:
    """Reads a recording utterance by utterance.

    Args:
        recording: The file.
        model: Reads it.
        settings: What is speech, how it becomes utterances, and whether the model is to get to know the recording.
        beside: Hears the same, without getting to know anybody.

    Raises:
        UsageError, AudioError: The file cannot be read.
    """
    for utterance, reading in recordings.listen(decode_blocks(recording), model, settings):
        yield Said(
            recording=recording,
            start_s=utterance.start_s,
            duration_s=utterance.end_s - utterance.start_s,
            reading=reading,
            beside=beside(utterance.samples) if beside and reading.distribution else None,
        )
