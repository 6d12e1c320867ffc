"""Sounds heard by a finished model folder through the live program's own reader."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.anchor import Anchor
from core.errors import UsageError
from core.ltu_as import interpretation
from core.ltu_as.config import Defaults
from core.ltu_as.decode import Decoding
from core.ltu_as.features import EncodedSounds
from core.ltu_as.reader import LTUASReader
from core.ltu_as.readout import Kind
from core.ltu_as.steps import StepLogits
from core.model import SAMPLE_RATE_HZ
from core.sound.audio import read_audio
from core.sound.mono import pcm16
from core.speech_llm.folder import is_hugging_face
from core.speech_llm.reader import SpeechLLMReader
from offline_eval.datasets.files import Row, existing, read_table
from offline_eval.labels.clips import Recording
from offline_eval.sounds.augment import augment, generator_for
from offline_eval.sounds.content_free import content_free_by_kind

LEAST_MARKED_S = 0.5
"""Marked stretches shorter than this are left out: the segmenter would not pass them on."""

ROUNDS = 3
"""How often each kind of content-free sound is made anew."""

Sound = Callable[[], NDArray[np.int16]]
"""Loads 16 kHz int16 [n] when it is needed."""

AT_ONCE = 8
"""Sounds a batch."""

_VARIANT = 1_000_000
"""Training's variants of a clip have lower numbers."""
_WRITES_ANSWER: Kind = "softmax_mean"


class Listener:
    """A finished model folder that hears sounds once, and is asked about them often.

    Args:
        model: The folder.
        device: Where it runs.

    Raises:
        ModelError: The folder cannot be used.
    """

    def __init__(self, model: Path, *, device: str) -> None:
        self.reader = LTUASReader(model, device=device, calibrate=False, abstain=False)
        """Reads as the folder says by default."""
        self._writer = LTUASReader(model, device=device, readout=_WRITES_ANSWER, calibrate=False, abstain=False)

    @property
    def defaults(self) -> Defaults:
        """How the folder reads by default."""
        return self.reader.model.config.defaults

    @property
    def pseudo_utterances(self) -> float | None:
        """See `core.ltu_as.config.AnchorConfig`; None: the model does not get to know voices."""
        anchor = self.reader.model.config.anchor
        return anchor.pseudo_utterances if anchor else None

    def hear(self, sounds: Sequence[Sound]) -> Iterator[EncodedSounds]:
        """Each sound, as a batch of its own.

        Raises:
            AudioError: A sound cannot be decoded, or is shorter than 201 samples.
        """
        for start in range(0, len(sounds), AT_ONCE):
            yield from self._writer.hear([sound() for sound in sounds[start : start + AT_ONCE]]).each()

    def steps(
        self, heard: Sequence[EncodedSounds], prompts: Sequence[str], anchors: Sequence[Anchor] = ()
    ) -> Iterator[Mapping[str, StepLogits]]:
        """What the model makes of each sound with each prompt: raw logits, of which every read-out can be computed."""
        for start in range(0, len(heard), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            together = EncodedSounds.of(heard[some])
            silent = [None] * len(together.truncated_s)
            answers = [
                self._writer.steps(together, transcripts=silent, anchors=anchors[some], prompt=prompt)
                for prompt in prompts
            ]
            yield from (dict(zip(prompts, one, strict=True)) for one in zip(*answers, strict=True))

    def read(self, sounds: Sequence[Sound], prompts: Sequence[str]) -> Iterator[Mapping[str, StepLogits]]:
        """The same of sounds that are asked about once.

        Raises:
            AudioError: A sound cannot be decoded, or is shorter than 201 samples.
        """
        for start in range(0, len(sounds), AT_ONCE):
            yield from self.steps([*self.hear(sounds[start : start + AT_ONCE])], prompts)

    def feature_means(self, sounds: Sequence[Sound]) -> NDArray[np.float64]:
        """[N, d_model]: the mean features of each sound.

        Raises:
            AudioError: A sound cannot be decoded, or is shorter than 201 samples.
        """
        return np.array([heard.means[0].mean(0).numpy() for heard in self.hear(sounds)], np.float64)


class SpeechListener:
    """The same of a speech LLM, which hears anew whenever it is asked, and gets to know no voices.

    Args:
        model: The folder.
        device: Where it runs.

    Raises:
        ModelError: The folder cannot be used.
    """

    def __init__(self, model: Path, *, device: str) -> None:
        self.reader = SpeechLLMReader(model, device=device, calibrate=False, abstain=False)
        """Reads as it does by default."""

    @property
    def defaults(self) -> Defaults:
        """How it reads by default."""
        return Defaults()

    def read(self, sounds: Sequence[Sound], prompts: Sequence[str]) -> Iterator[Mapping[str, StepLogits]]:
        """What the model makes of each sound with each prompt.

        Raises:
            AudioError: A sound cannot be decoded.
        """
        for some in self._loaded(sounds):
            answers = [self._asked(some, prompt, interpretation.WRITTEN) for prompt in prompts]
            yield from (dict(zip(prompts, one, strict=True)) for one in zip(*answers, strict=True))

    def feature_means(self, sounds: Sequence[Sound]) -> NDArray[np.float64]:
        """[N, hidden_size]: the mean features of each sound.

        Raises:
            AudioError: A sound cannot be decoded.
        """
        begun = Decoding(max_new_tokens=1)
        steps = [one for some in self._loaded(sounds) for one in self._asked(some, self.defaults.prompt, begun)]
        return np.array([one.feature_mean for one in steps], np.float64)

    def _asked(self, sounds: Sequence[NDArray[np.int16]], prompt: str, decoding: Decoding) -> list[StepLogits]:
        return self.reader.answers(sounds, transcripts=[None] * len(sounds), decoding=decoding, prompt=prompt)

    @staticmethod
    def _loaded(sounds: Sequence[Sound]) -> Iterator[list[NDArray[np.int16]]]:
        for start in range(0, len(sounds), AT_ONCE):
            yield [sound() for sound in sounds[start : start + AT_ONCE]]


AnyListener = Listener | SpeechListener


def listener_of(model: Path, *, device: str) -> AnyListener:
    """The listener of a model folder of either kind.

    Raises:
        ModelError: The folder cannot be used.
    """
    return (SpeechListener if is_hugging_face(model) else Listener)(model, device=device)


def recorded(clips: Sequence[Recording]) -> list[Sound]:
    """The sounds of clips."""
    return [_reading(clip.path) for clip in clips]


def disturbed(clips: Sequence[Recording], seed: int) -> list[Sound]:
    """The sounds of clips as a live microphone might have heard them: one variant of each, by `augment`."""
    return [_augmented(clip, seed) for clip in clips]


def content_free(*seed: int) -> dict[str, list[Sound]]:
    """Several rounds of the sounds of `content_free_by_kind`, none that training heard: its seeds have one number."""
    rounds = [content_free_by_kind((*seed, n)) for n in range(1, ROUNDS + 1)]
    return {kind: [_given(waveform) for made in rounds for waveform in made[kind]] for kind in rounds[0]}


def marked(folder: Path) -> dict[str, list[Sound]]:
    """Stretches marked by hand as speech and as nonspeech, of at least half a second.

    Args:
        folder: Holds segments.csv (clip_id, start_s, end_s, label) and CLIP_ID.flac.

    Raises:
        UsageError: The table or a sound is missing, or a row is not understood.
    """
    stretches: dict[str, list[Sound]] = {}
    for row in read_table(folder / "segments.csv").filled("clip_id", "start_s", "end_s", "label"):
        start_s, end_s = _seconds(row, "start_s"), _seconds(row, "end_s")
        path = existing(folder, f"{row['clip_id']}.flac", row.where)
        if end_s - start_s >= LEAST_MARKED_S:
            stretches.setdefault(row["label"], []).append(_cut(path, start_s, end_s))
    return stretches


def _reading(path: Path) -> Sound:
    return lambda: read_audio(path)


def _augmented(clip: Recording, seed: int) -> Sound:
    def load() -> NDArray[np.int16]:
        clean = read_audio(clip.path).astype(np.float32) / np.float32(32_768)
        return pcm16(augment(clean, generator_for(clip.clip_id, _VARIANT, seed)))

    return load


def _given(waveform: NDArray[np.int16]) -> Sound:
    return lambda: waveform


def _cut(path: Path, start_s: float, end_s: float) -> Sound:
    return lambda: read_audio(path)[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]


def _seconds(row: Row, column: str) -> float:
    try:
        return float(row[column])
    except ValueError as error:
        msg = f"{row.where}: {column} {row[column]!r} is not a number of seconds"
        raise UsageError(msg) from error
