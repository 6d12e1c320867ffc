"""Streams in which clips of one speaker come one after the other, for models that get to know voices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.anchor import Anchor, Heard
from core.distribution import EMOTIONS, EmotionDistribution
from core.ltu_as.calibration import Correction
from core.ltu_as.features import EncodedSounds
from core.ltu_as.reader import LTUASReader
from core.mean_reading import MeanReading
from offline_eval.labels.clips import Clip
from offline_eval.scoring.metrics.sample import Values


def mostly(emotion: str, share: float) -> tuple[float, ...]:
    """Shares of EMOTIONS: that of one, and the others alike."""
    return tuple(share if name == emotion else (1 - share) / (len(EMOTIONS) - 1) for name in EMOTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What was heard of a speaker before a clip: mostly neutral speech, unless `shares` say something else.

    Attributes:
        heard: So many other utterances, or all that there are.
        by_readings: Whether what is known of the stream is its mean reading, and not what it sounds like.
        shares: How likely each emotion of EMOTIONS is among them; one that has run out is passed over.
    """

    heard: int
    by_readings: bool = False
    shares: tuple[float, ...] = mostly("neutral", 0.7)

    @property
    def words(self) -> str:
        """Such as `20 heard, 70 % neutral`."""
        most = max(self.shares)
        words = f"{self.heard} heard, {most:.0%} {EMOTIONS[self.shares.index(most)]}".replace("%", " %")
        return f"{words}, over its mean reading" if self.by_readings else words


def anchors_after(
    stream: Stream,
    clips: Sequence[Clip],
    sounds: Sequence[EncodedSounds],
    reader: LTUASReader,
    *,
    rng: np.random.Generator,
    correction: Correction | None = None,
) -> list[Anchor]:
    """What the stream of each clip's speaker sounds like to the model by then, without the clip itself.

    Utterances are read one after the other, each with the anchor that the ones before have left, as live. There is one
    stream a speaker, in which any of its clips may come; from what a clip is read with, it is left out.

    Args:
        stream: What is heard before.
        clips: Clips of the four emotions of any speakers.
        sounds: They, as `reader` heard them.
        reader: Reads them.
        rng: Draws the utterances.
        correction: Of its readings, from which it is known what is neutral; None: they are as they should be.
    """
    streams = _streams(stream, clips, rng)
    anchors = dict.fromkeys(streams, Anchor())
    pushed: dict[int, tuple[Heard, EmotionDistribution]] = {}
    for turn in range(max(map(len, streams.values()), default=0)):
        speaking = [voice for voice, rows in streams.items() if turn < len(rows)]
        rows = [streams[voice][turn] for voice in speaking]
        known = [anchors[voice] for voice in speaking]
        readings = reader.read_heard(EncodedSounds.of([sounds[row] for row in rows]), known)
        for voice, row, reading in zip(speaking, rows, readings, strict=True):
            if reading.heard is None or reading.distribution is None or reading.adaptation is None:
                continue
            said = reading.distribution
            if correction is not None:
                said = correction.apply(said, reading.adaptation.weight)
            pushed[row] = reading.heard, said
            anchors[voice] = anchors[voice].push(*pushed[row], at_s=0.0)
    return [
        anchors[voice] if row not in pushed else _made_of([pushed[other] for other in streams[voice] if other != row])
        for row, clip in enumerate(clips)
        for voice in [(clip.corpus, clip.speaker)]
    ]


def levelled_after(stream: Stream, clips: Sequence[Clip], readings: Values, *, rng: np.random.Generator) -> Values:
    """[N, 4] readings over the mean readings of the same streams, each made without the clip itself."""
    streams = _streams(stream, clips, rng)
    said = [EmotionDistribution(*reading) for reading in readings.tolist()]

    def levelled(row: int, clip: Clip) -> list[float]:
        mean = MeanReading()
        for other in streams[clip.corpus, clip.speaker]:
            if other != row:
                mean = mean.push(said[other], at_s=0.0)
        return [*mean.levelled(said[row])]

    return np.array([levelled(row, clip) for row, clip in enumerate(clips)])


def _streams(stream: Stream, clips: Sequence[Clip], rng: np.random.Generator) -> dict[tuple[str, str], list[int]]:
    """By corpus and speaker, what is heard of them."""
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, clip in enumerate(clips):
        rows_of.setdefault((clip.corpus, clip.speaker), []).append(row)
    return {voice: _drawn(stream, [clips[row] for row in rows], rows, rng) for voice, rows in rows_of.items()}


def _made_of(utterances: Sequence[tuple[Heard, EmotionDistribution]]) -> Anchor:
    anchor = Anchor()
    for heard, said in utterances:
        anchor = anchor.push(heard, said, at_s=0.0)
    return anchor


def _drawn(stream: Stream, clips: Sequence[Clip], rows: Sequence[int], rng: np.random.Generator) -> list[int]:
    """Which clips are heard, in order; each at most once."""
    left: dict[str, list[int]] = {}
    for clip, row in zip(clips, rows, strict=True):
        left.setdefault(clip.emotion, []).append(row)
    heard: list[int] = []
    for _ in range(min(stream.heard, len(rows))):
        likely = np.array(stream.shares) * [bool(left.get(name)) for name in EMOTIONS]
        if not likely.sum():
            break
        of_emotion = left[EMOTIONS[rng.choice(len(EMOTIONS), p=likely / likely.sum())]]
        heard.append(of_emotion.pop(rng.integers(len(of_emotion))))
    return heard
