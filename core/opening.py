"""A model for programs that import this package: it reads as the live program does, in their own process."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from core.adaptation import StreamAdaptation
from core.errors import AudioError
from core.ltu_as.folder import EMBEDDED
from core.model import SAMPLE_RATE_HZ, EmotionModel, Reading
from core.recording import listen
from core.settings import Settings
from core.sound.audio import MAX_RATE_HZ, MIN_RATE_HZ, decode_blocks
from core.sound.mono import ToMono16k
from core.wire.events import ModelStamp
from core.worker.models import load_model

Samples: TypeAlias = NDArray[np.int16] | NDArray[np.floating[Any]]
"""One channel of sound, [n]: int16, or floating point numbers from -1 to 1."""

_LOUDEST = 2.0
"""Float samples beyond this are no sound that overshoots a little: they were not brought to -1..1."""
_FULL_SCALE = 32768
_BLOCK_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardUtterance:
    """One utterance of a recording: where it is, in seconds from the beginning, and what was heard in it."""

    start_s: float
    end_s: float
    reading: Reading


def open_model(name: str | Path = EMBEDDED, *, device: str = "auto", settings: Settings | None = None) -> "OpenModel":
    """Loads a model, to be used as the live program uses it: calibrated, and silent where it cannot know.

    Args:
        name: `ltu-as-mini`, a model folder, `hf:OWNER/NAME` if it is on this machine already, `openai:URL` on a server,
            or a model that another package has installed.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        settings: Everything else, as `core.settings_file.load_settings` reads it from a file; by default the program's
            own defaults. Your settings file and environment are not looked at.

    Raises:
        UsageError: There is no such model or device.
        ModelError: The model cannot be used.
    """
    settings = settings or Settings()
    settings = replace(settings, model=replace(settings.model, name=str(name), device=device))
    return OpenModel(load_model(settings.model, threads=settings.worker.threads), settings)


class OpenModel:
    """A model that is loaded; see `open_model`.

    Args:
        model: The model.
        settings: What it was loaded by, and how speech becomes utterances.
    """

    def __init__(self, model: EmotionModel, settings: Settings) -> None:
        self._model = model
        self._settings = settings

    @property
    def stamp(self) -> ModelStamp:
        """Name, hash, prompt, read-out and calibration."""
        return self._model.stamp

    @property
    def device(self) -> str:
        """Where it runs: `cpu` or `cuda:0`."""
        return self._model.device

    @overload
    def read(self, samples: Samples, rate_hz: int = ...) -> Reading: ...

    @overload
    def read(self, samples: Sequence[Samples], rate_hz: int = ...) -> list[Reading]: ...

    def read(self, samples: Samples | Sequence[Samples], rate_hz: int = SAMPLE_RATE_HZ) -> Reading | list[Reading]:
        """What is heard in one utterance, or in each of several, of voices that were never heard before.

        Every utterance is read by itself, as the live program reads the first one of a stream. Longer sound than the
        model hears at once is cut, and `truncated_s` says so: for recordings there is `listen`.

        Args:
            samples: One channel, [n]: int16, or floats from -1 to 1. Or a list of such.
            rate_hz: Their sample rate.

        Raises:
            AudioError: It is no such sound.
        """
        if isinstance(samples, np.ndarray):
            return self._read([_mono_16k(samples, rate_hz)])[0]
        sounds = [_mono_16k(one, rate_hz) for one in samples]
        size = self._settings.worker.max_batch  # as live: a model may read a batch a little differently
        return [one for at in range(0, len(sounds), size) for one in self._read(sounds[at : at + size])]

    def listen(self, sound: str | Path | Samples, rate_hz: int = SAMPLE_RATE_HZ) -> Iterator[HeardUtterance]:
        """Finds the utterances of a recording and reads them one by one, while the model gets to know the voice.

        The utterances and the numbers are those of `emotion-monitor run --source file:PATH` and `emotion-monitor read`.

        Args:
            sound: A sound file of any length, or samples as `read` takes them.
            rate_hz: Sample rate of samples; a file states its own.

        Raises:
            UsageError, AudioError: It cannot be read; a file that is cut short is heard to where it ends first.
        """
        if isinstance(sound, np.ndarray):
            blocks: Iterator[NDArray[np.int16]] = iter([_mono_16k(sound, rate_hz)])
        else:
            blocks = decode_blocks(sound, block_s=_BLOCK_S)
        for utterance, reading in listen(blocks, self._model, self._settings):
            yield HeardUtterance(start_s=utterance.start_s, end_s=utterance.end_s, reading=self._told(reading))

    def _read(self, sounds: Sequence[NDArray[np.int16]]) -> list[Reading]:
        streams = [StreamAdaptation(self._settings.model) for _ in sounds]
        readings = self._model.read(sounds, anchors=[stream.anchor for stream in streams])
        return [
            self._told(stream.take(reading, self.stamp, at_s=len(sound) / SAMPLE_RATE_HZ))
            for stream, reading, sound in zip(streams, readings, sounds, strict=True)
        ]

    def _told(self, reading: Reading) -> Reading:
        return replace(
            reading,
            model=reading.model or self.stamp,
            transcript=reading.transcript if self._settings.model.transcript else None,
        )


def _mono_16k(samples: Samples, rate_hz: int) -> NDArray[np.int16]:
    """Samples as a model takes them.

    Raises:
        AudioError: They are no sound of one channel, or were not brought to -1..1.
    """
    is_float = np.issubdtype(samples.dtype, np.floating)
    if samples.ndim != 1 or not (is_float or samples.dtype == np.int16):
        msg = f"sound is one channel of int16 or floating point numbers, not {samples.dtype} of shape {samples.shape}"
        raise AudioError(msg, hint="take one channel, or the mean of several")
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        msg = f"a sample rate of {rate_hz} Hz is outside {MIN_RATE_HZ}..{MAX_RATE_HZ} Hz"
        raise AudioError(msg)
    if not is_float and rate_hz == SAMPLE_RATE_HZ:
        return samples.astype(np.int16, copy=False)
    values: NDArray[np.float32] = samples.astype(np.float32)
    if not is_float:
        values /= np.float32(_FULL_SCALE)
    peak = np.abs(values).max(initial=0.0)
    if not peak <= _LOUDEST:  # NaN too
        msg = f"float samples lie between -1 and 1, these reach {peak:g}"
        raise AudioError(msg, hint=f"divide integers by {_FULL_SCALE}; put 0 where there is no number")
    converter = ToMono16k(rate_hz, channels=1)
    return np.concatenate([converter.push(values[:, np.newaxis]), converter.flush()])
