"""What a few seconds of sound say of the microphone they came through: level, noise, clipping, speech. No I/O."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ
from core.settings import Settings
from core.sound.level import measure_level
from core.sound.noise_floor import NoiseFloor
from core.sound.speech_segmenter import SpeechSegmenter
from core.sound.utterance import Utterance
from core.sound.vad import Vad

SILENT_DBFS = -100.0
"""No room is as quiet: a microphone that never gives more is switched off."""
QUIET_DBFS = -45.0
"""Speech below this is heard badly; ltu-as-mini gives no reading from -60 dBFS down."""
NEAR_NOISE_DB = 15.0
"""Speech that is not louder than the noise around it by so much is hard to tell from it."""
MUCH_CLIPPED = 1e-4
"""Share of the samples at full scale from which on clipping can be heard."""

_HIGHEST, _LOWEST = 32767, -32768


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundCheck:
    """Measures of some sound; those that need what it does not hold are None."""

    length_s: float
    peak_dbfs: float
    speech_dbfs: float | None
    """Root mean square of the voiced frames of utterances: alone, the detector takes the first noises for speech."""
    noise_floor_dbfs: float | None
    """Of what is not voiced, pauses within utterances too."""
    speech_share: float
    """Of those frames in the whole."""
    clipped_share: float
    """Samples at full scale, of all."""

    @classmethod
    def of(cls, samples: NDArray[np.int16], settings: Settings) -> Self:
        """Measures sound (int16 [n], 16 kHz mono), cut into utterances as the settings say."""
        vad, noise_floor = Vad(settings.vad), NoiseFloor()
        length = settings.vad.frame_ms * SAMPLE_RATE_HZ // 1000
        frames = samples[: len(samples) - len(samples) % length].reshape(-1, length)
        uttered = _uttered(samples, settings)[: frames.size].reshape(-1, length).any(axis=1)
        voiced = np.array(vad.verdicts(frames.tobytes()), np.bool_)
        speech = uttered & voiced
        for frame in frames[~voiced]:
            noise_floor.push(measure_level(frame).rms_dbfs, length / SAMPLE_RATE_HZ)
        clipped = np.count_nonzero((samples >= _HIGHEST) | (samples <= _LOWEST))
        return cls(
            length_s=len(samples) / SAMPLE_RATE_HZ,
            peak_dbfs=measure_level(samples).peak_dbfs,
            speech_dbfs=measure_level(frames[speech].ravel()).rms_dbfs if speech.any() else None,
            noise_floor_dbfs=noise_floor.dbfs,
            speech_share=float(speech.mean()) if len(speech) else 0.0,
            clipped_share=clipped / max(len(samples), 1),
        )

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing at all."""
        return self.peak_dbfs <= SILENT_DBFS

    def __str__(self) -> str:
        speech = f"speech {self.speech_share:.0%} of {self.length_s:.1f} s"
        speech += "" if self.speech_dbfs is None else f", at {self.speech_dbfs:.0f} dBFS"
        noise = "not known" if self.noise_floor_dbfs is None else f"{self.noise_floor_dbfs:.0f} dBFS"
        clipped = f"{self.clipped_share:.2%} of it clipped" if self.clipped_share else "nothing clipped"
        return f"{speech}; noise floor {noise}; peak {self.peak_dbfs:.0f} dBFS, {clipped}"

    def advice(self) -> list[str]:
        """What is wrong and what to do about it, the gravest first; empty: all is well."""
        if self.is_silent:
            return ["no sound at all: is the microphone muted, or is it another one? (emotion-monitor devices)"]
        found = []
        if self.speech_dbfs is None:
            found.append("no speech: say something while it listens; if you did, raise the input level")
        elif self.speech_dbfs < QUIET_DBFS:
            found.append("the speech is quiet: raise the input level, or come nearer")
        if self.clipped_share >= MUCH_CLIPPED:
            found.append("too loud: lower the input level, or speak from further away")
        if None not in {self.speech_dbfs, self.noise_floor_dbfs} and self._lead_db < NEAR_NOISE_DB:
            found.append("the room is nearly as loud as the speech: come nearer, or make it quieter")
        return found

    @property
    def _lead_db(self) -> float:
        return (self.speech_dbfs or 0.0) - (self.noise_floor_dbfs or 0.0)


def _uttered(samples: NDArray[np.int16], settings: Settings) -> NDArray[np.bool_]:
    """For each sample whether it is in an utterance."""
    segmenter = SpeechSegmenter(settings.segmenter, settings.vad)
    inside = np.zeros(len(samples), np.bool_)
    for found in (*segmenter.push(samples), *segmenter.flush()):
        if isinstance(found, Utterance) and found.final:
            inside[found.start : found.end] = True
    return inside
