"""A recording, read as the live program reads a file that waits for the model."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.adaptation import StreamAdaptation
from core.errors import AudioError
from core.model import EmotionModel, Reading
from core.settings import Settings
from core.sound.segmenter import Output
from core.sound.speech_segmenter import SpeechSegmenter
from core.sound.utterance import Utterance


def utterances_by_block(blocks: Iterable[NDArray[np.int16]], settings: Settings) -> Iterator[list[Utterance]]:
    """The utterances that end with each block, and last those that end with the sound.

    Args:
        blocks: int16, 16 kHz mono, of any length; one at a time is held.
        settings: What is speech, and how it becomes utterances.

    Raises:
        AudioError: The sound ends before its time; all utterances up to there were yielded.
    """
    # Nobody watches a recording: an utterance is read once, when it is over.
    speech = SpeechSegmenter(replace(settings.segmenter, interim_every_s=0), settings.vad)
    try:
        for block in blocks:
            yield _utterances(speech.push(block))
    except AudioError:
        yield _utterances(speech.flush())
        raise
    yield _utterances(speech.flush())


def listen(
    blocks: Iterable[NDArray[np.int16]], model: EmotionModel, settings: Settings
) -> Iterator[tuple[Utterance, Reading]]:
    """Reads a recording utterance by utterance; the recording is a stream of its own, which the model gets to know.

    Args:
        blocks: See `utterances_by_block`.
        model: Reads.
        settings: How speech becomes utterances, and whether the model is to get to know the stream.

    Raises:
        AudioError: See `utterances_by_block`.
    """
    known = StreamAdaptation(settings.model)
    for utterances in utterances_by_block(blocks, settings):
        for utterance in utterances:
            (reading,) = model.read([utterance.samples], anchors=[known.anchor])
            yield utterance, known.take(reading, model.stamp, at_s=utterance.end_s)


def _utterances(outputs: Iterable[Output]) -> list[Utterance]:
    return [output for output in outputs if isinstance(output, Utterance)]
