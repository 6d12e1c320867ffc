"""A model that gets to know voices, offline: what it knows of a speaker before each of their utterances, as live."""

from collections.abc import Mapping, Sequence

from core.anchor import Anchor
from core.errors import AudioError, UsageError
from core.ltu_as.reader import LTUASReader
from core.model import SAMPLE_RATE_HZ
from core.sound.audio import read_audio
from offline_eval.labels.annotation import AnnotatedUtterance


def anchors_before(utterances: Sequence[AnnotatedUtterance], reader: LTUASReader) -> Mapping[str, Anchor]:
    """Utterance id to what is known before it.

    A speaker is a stream: their utterances come one after the other in the order of their ids, without the pauses
    between them. What is neutral is known from `reader`'s own readings, so it is to calibrate as the live program does.
    """
    anchors: dict[str, Anchor] = {}
    streams: dict[str, tuple[Anchor, float]] = {}
    for utterance in sorted(utterances, key=lambda one: (one.speaker, one.utterance_id)):
        anchor, at_s = streams.get(utterance.speaker, (Anchor(), 0.0))
        anchors[utterance.utterance_id] = anchor
        if utterance.path is None:
            continue
        try:
            sound = read_audio(utterance.path)
        except (AudioError, UsageError):  # whoever asks about it is told
            continue
        at_s += len(sound) / SAMPLE_RATE_HZ
        (reading,) = reader.read([sound], anchors=[anchor])
        if reading.heard is not None and reading.distribution is not None:
            anchor = anchor.push(reading.heard, reading.distribution, at_s=at_s)
        streams[utterance.speaker] = anchor, at_s
    return anchors
