"""The model at work: questions about utterances in, answers out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from core.anchor import Anchor
from core.errors import AudioError, ModelError, UsageError
from core.ltu_as.abstention import TOO_SHORT
from core.ltu_as.decode import Decoding
from core.ltu_as.features import MIN_SAMPLES
from core.ltu_as.reader import LTUASReader
from core.ltu_as.steps import StepLogits
from core.ltu_as.verbalizer import Verbalizer
from core.sound.audio import read_audio
from core.speech_llm.folder import is_hugging_face
from core.speech_llm.reader import SpeechLLMReader
from core.wire.events import ModelStamp
from offline_eval.labels.annotation import AnnotatedUtterance
from offline_eval.runs.adapting import anchors_before
from offline_eval.runs.answers_store import Answer
from offline_eval.runs.views import Asked, Input

NO_SOUND = "no sound file"
NOT_DECODED = "sound cannot be decoded"
NO_TRANSCRIPT = "no transcript"
TOO_LONG = "transcript too long"

Sound = NDArray[np.int16]


class Reader(Protocol):
    """A reader of model folders of any kind, as far as it is asked here."""

    @property
    def stamp(self) -> ModelStamp:
        """Name and hash."""

    @property
    def device(self) -> str:
        """Where it runs."""

    @property
    def precision(self) -> Mapping[str, str]:
        """What it computes in."""

    @property
    def verbalizer(self) -> Verbalizer:
        """The table from emotions to the pieces whose logits are kept."""

    @property
    def transcribes(self) -> bool:
        """Whether it makes transcripts."""

    @property
    def adapts(self) -> bool:
        """Whether it gets to know voices."""

    def transcripts(self, waveforms: Sequence[Sound]) -> list[str | None]:
        """What it hears said in each sound."""

    def answers(
        self,
        waveforms: Sequence[Sound] | None,
        *,
        transcripts: Sequence[str | None],
        decoding: Decoding,
        prompt: str | None,
        anchors: Sequence[Anchor | None],
    ) -> list[StepLogits]:
        """Answers about sounds, or about transcripts only."""


def open_reader(folder: Path, *, device: str) -> Reader:
    """The reader of a folder, that neither corrects anything nor keeps silent.

    Raises:
        ModelError: The folder cannot be used.
    """
    reader = SpeechLLMReader if is_hugging_face(folder) else LTUASReader
    return reader(folder, device=device, calibrate=False, abstain=False)


class Respondent:
    """A model that is asked in batches, and answers as it does in the live program, before any calibration.

    Args:
        folder: Model folder.
        device: `cpu`, `cuda` or `cuda:N`.
        decoding: How tokens are chosen.
        batch: Utterances read together.
        stream: All utterances, where the model is to get to know their speakers; see `anchors_before`.

    Raises:
        ModelError: The folder cannot be used.
        UsageError: There is a stream, and the model does not get to know voices.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str,
        decoding: Decoding,
        batch: int,
        stream: Sequence[AnnotatedUtterance] = (),
    ) -> None:
        self._reader = open_reader(folder, device=device)
        self._decoding, self._batch = decoding, batch
        if stream and not self._reader.adapts:
            msg = f"{self._reader.stamp.name} does not get to know voices"
            raise UsageError(msg, hint="leave --adapt out")
        self.known_before = anchors_before(stream, LTUASReader(folder, device=device)) if stream else {}
        """What is known before each utterance, by its id."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Name, hash, device and precision: what the same question's answer depends on."""
        return {
            "name": self._reader.stamp.name,
            "sha256": self._reader.stamp.sha256,
            "device": self._reader.device.partition(":")[0],
            **self._reader.precision,
            "transcribes": self._reader.transcribes,
            **({"adapts": True} if self.known_before else {}),
        }

    @property
    def verbalizer(self) -> Mapping[str, Any]:
        """Table of the pieces whose logits are kept, as plain values."""
        return self._reader.verbalizer.as_dict()

    def hear(self, utterances: Sequence[AnnotatedUtterance]) -> "Heard":
        """Utterances to ask about; their sound is read, and transcribed, when a question first needs it."""
        return Heard(utterances, self._reader)

    def ask(self, asked: Asked, heard: "Heard") -> list[Answer]:
        """One answer for each utterance, in order."""
        sounds, words, reasons = heard.given(asked.input)
        decoding = replace(self._decoding, **asked.draw.decoding) if asked.draw else self._decoding
        able = [n for n, reason in enumerate(reasons) if reason is None]
        answers = [Answer(utterance.utterance_id, None, reasons[n]) for n, utterance in enumerate(heard.utterances)]
        for start in range(0, len(able), self._batch):
            rows = able[start : start + self._batch]
            known = [self.known_before.get(answers[n].utterance_id) if asked.input == "audio" else None for n in rows]
            made_of = [sounds[n] for n in rows], [words[n] for n in rows], known
            for row, made in zip(rows, self._ask(*made_of, asked.prompt, decoding), strict=True):
                steps, reason = (None, made) if isinstance(made, str) else (made, None)
                answers[row] = Answer(answers[row].utterance_id, steps, reason)
        return answers

    def _ask(
        self,
        sounds: Sequence[Sound | None],
        words: Sequence[str | None],
        known: Sequence[Anchor | None],
        prompt: str,
        decoding: Decoding,
    ) -> Sequence[StepLogits | str]:
        given = [sound for sound in sounds if sound is not None]  # all of them, or none
        try:
            return self._reader.answers(
                given or None, transcripts=words, decoding=decoding, prompt=prompt, anchors=known
            )
        except torch.OutOfMemoryError as error:
            msg = f"out of memory with {len(sounds)} utterances at once"
            raise ModelError(msg, hint="give a smaller --batch") from error
        except ModelError:  # a transcript that does not fit: only its own utterance pays for it
            if len(sounds) == 1:
                return [TOO_LONG]
            alone = zip(sounds, words, known, strict=True)
            return [self._ask([sound], [said], [anchor], prompt, decoding)[0] for sound, said, anchor in alone]


class Heard:
    """Some utterances, and what can be given of each to the model."""

    def __init__(self, utterances: Sequence[AnnotatedUtterance], reader: Reader) -> None:
        self.utterances = utterances
        self._reader = reader

    def given(self, given: Input) -> tuple[list[Sound | None], list[str | None], list[str | None]]:
        """Sounds, words, and reasons why an utterance has not got what is to be given."""
        nothing: list[Sound | None] = [None] * len(self.utterances)
        if given == "transcript":
            missing = [None if words else NO_TRANSCRIPT for words in self._said]
            if self._reader.transcribes:
                missing = [self._sounds[n][1] or reason for n, reason in enumerate(missing)]
            return nothing, self._said, missing
        sounds = [sound for sound, _ in self._sounds]
        if given == "silence":
            sounds = [None if sound is None else np.zeros_like(sound) for sound in sounds]
        return sounds, self._transcripts, [reason for _, reason in self._sounds]

    @cached_property
    def _sounds(self) -> list[tuple[Sound | None, str | None]]:
        return [_sound(utterance.path) for utterance in self.utterances]

    @cached_property
    def _transcripts(self) -> list[str | None]:
        """What the model itself makes of the sounds."""
        return [None if sound is None else self._reader.transcripts([sound])[0] for sound, _ in self._sounds]

    @property
    def _said(self) -> list[str | None]:
        """The words without the sound: the model's own where it transcribes, else those of the corpus."""
        if self._reader.transcribes:
            said = self._transcripts
        else:
            said = [utterance.transcript for utterance in self.utterances]
        return [words if words and words.strip() else None for words in said]


def _sound(path: Path | None) -> tuple[Sound | None, str | None]:
    """The sound, or why there is none."""
    if path is None:
        return None, NO_SOUND
    try:
        sound = read_audio(path)
    except UsageError:
        return None, NO_SOUND
    except AudioError:
        return None, NOT_DECODED
    return (sound, None) if len(sound) >= MIN_SAMPLES else (None, TOO_SHORT)
