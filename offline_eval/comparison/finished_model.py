"""Trained model folders as systems."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from core.anchor import Anchor
from core.errors import UsageError
from core.ltu_as.features import EncodedSounds
from core.ltu_as.reader import LTUASReader
from core.sound.audio import read_audio
from offline_eval.calibration.streams import Stream, anchors_after, levelled_after
from offline_eval.comparison.system import Predictor
from offline_eval.labels.clips import Clip
from offline_eval.scoring.metrics.sample import Values

_READ_AT_ONCE = 32


class Listening:
    """A model folder with its default prompt and read-out, which hears each clip once.

    Every clip is scored, so that no system may choose its clips: it always reads.

    Args:
        folder: The model.
        calibrate: Correct readings as its calibration says.
        neutral_odds: See `EmotionDistribution.expecting`.

    Raises:
        ModelError: The folder cannot be used.
    """

    def __init__(self, folder: Path, *, calibrate: bool, neutral_odds: float = 1.0) -> None:
        self._reader = LTUASReader(folder, calibrate=calibrate, abstain=False, neutral_odds=neutral_odds)
        self.name = self._reader.stamp.name
        self.recipe = repr(self._reader.stamp)
        self._heard: dict[Path, EncodedSounds] = {}

    def read(self, clips: Sequence[Clip], stream: Stream, seed: int) -> Values:
        """[N, 4] readings, each in a stream of its speaker.

        Raises:
            UsageError: The model has no reading of a clip, or does not get to know voices.
            AudioError: A clip cannot be decoded.
        """
        sounds = [self._sound(clip.path) for clip in clips]
        if stream.by_readings:
            readings = self._read(clips, sounds, [None] * len(clips))
            return levelled_after(stream, clips, readings, rng=np.random.default_rng(seed))
        if stream.heard and self._reader.model.config.anchor is None:
            msg = f"{self.name} does not get to know voices"
            raise UsageError(msg, hint="leave --heard out")
        known = anchors_after(stream, clips, sounds, self._reader, rng=np.random.default_rng(seed))
        return self._read(clips, sounds, known)

    def _read(self, clips: Sequence[Clip], sounds: Sequence[EncodedSounds], known: Sequence[Anchor | None]) -> Values:
        rows: list[list[float]] = []
        for start in range(0, len(clips), _READ_AT_ONCE):
            some = slice(start, start + _READ_AT_ONCE)
            readings = self._reader.read_heard(EncodedSounds.of(sounds[some]), known[some])
            for clip, reading in zip(clips[some], readings, strict=True):
                if reading.distribution is None:
                    msg = f"{clip.path}: no reading: {reading.reason}"
                    raise UsageError(msg, hint="leave the clip out of the data")
                rows.append(list(reading.distribution))
        return np.array(rows)

    def _sound(self, path: Path) -> EncodedSounds:
        if path not in self._heard:
            self._heard[path] = self._reader.hear([read_audio(path)])
        return self._heard[path]


class FinishedModel:
    """A trained model, or one for each corpus. None may have heard the clips that it reads.

    Args:
        models: One model under the name "", or by corpus the model that reads its clips.
        stream: What is heard of a speaker before each clip.
        seed: Of what that is.
    """

    def __init__(self, models: Mapping[str, Listening], stream: Stream, seed: int) -> None:
        self._models = models
        self._stream = stream
        self._seed = seed
        first = next(iter(models.values()))
        self.name = f"{first.name}, {stream.words}" if stream.heard else first.name
        self.recipe = repr([[name, model.recipe] for name, model in models.items()] + [stream, seed])

    def fit(self, train: Sequence[Clip]) -> Predictor:  # noqa: ARG002
        """Learns nothing."""
        return self._read

    def _read(self, clips: Sequence[Clip]) -> Values:
        if "" in self._models:
            return self._models[""].read(clips, self._stream, self._seed)
        answers = np.empty((len(clips), 4))
        corpora = np.array([clip.corpus for clip in clips])
        for corpus in np.unique(corpora):
            rows = np.flatnonzero(corpora == corpus).tolist()
            answers[rows] = self._models[corpus].read([clips[row] for row in rows], self._stream, self._seed)
        return answers
