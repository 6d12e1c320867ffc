"""Recordings cut into utterances and read, each as a stream of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.anchor import Anchor
from core.distribution import EmotionDistribution
from core.model import EmotionModel, Reading
from core.settings import SegmenterSettings, VadSettings
from core.sound.audio import read_audio
from core.sound.segmenter import SpeechSegmenter
from core.sound.utterance import Utterance


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


def listen(
    recording: Path,
    model: EmotionModel,
    *,
    segmenter: SegmenterSettings,
    vad: VadSettings,
    anchor: Anchor | None = None,
    beside: Hears | None = None,
) -> Iterator[Said]:
    """Reads a recording utterance by utterance.

    Args:
        recording: The file.
        model: Reads it.
        segmenter: How speech becomes utterances.
        vad: What is speech.
        anchor: Of the stream as it begins, for a model that is to get to know it; None: it is not to.
        beside: Hears the same, without getting to know anybody.

    Raises:
        UsageError, AudioError: The file cannot be read.
    """
    for utterance in _utterances(recording, segmenter, vad):
        (reading,) = model.read([utterance.samples], anchors=[anchor])
        if anchor and reading.heard and reading.distribution:
            anchor = anchor.push(reading.heard, reading.distribution, at_s=utterance.end_s)
        yield Said(
            recording=recording,
            start_s=utterance.start_s,
            duration_s=utterance.end_s - utterance.start_s,
            reading=reading,
            beside=beside(utterance.samples) if beside and reading.distribution else None,
        )


def _utterances(recording: Path, segmenter: SegmenterSettings, vad: VadSettings) -> Iterator[Utterance]:
    speech = SpeechSegmenter(segmenter, vad)
    for output in (*speech.push(read_audio(recording)), *speech.flush()):
        if isinstance(output, Utterance) and output.final:
            yield output
