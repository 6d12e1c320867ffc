"""What a live microphone does to speech, applied to clean recordings."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ

AUGMENTATION_VERSION = 1
"""Part of the key of cached features: raise it when this module's sound changes."""

MIN_SAMPLES = 8_000
"""A cut never leaves less than half a second."""

_FLOOR = 1e-6
"""RMS below this is silence, which stays silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Ranges from which each variant of a clip draws, uniformly.

    Attributes:
        level_dbfs: RMS level of the whole clip after the change; a label must not be readable from the gain.
        snr_db: Noise below speech; its spectrum falls with 0 to 2 powers of the frequency (white to brown).
        lowpass_hz: Upper band limit, from telephone to nearly full band.
        highpass_hz: Lower band limit.
        cut_share: Largest share of the clip that is cut off, at a random end.
    """

    level_dbfs: tuple[float, float] = (-50.0, -12.0)
    snr_db: tuple[float, float] = (10.0, 45.0)
    lowpass_hz: tuple[float, float] = (3_400.0, 7_900.0)
    highpass_hz: tuple[float, float] = (40.0, 300.0)
    cut_share: float = 0.3


def augment(
    waveform: NDArray[np.float32], rng: np.random.Generator, ranges: Augmentation | None = None
) -> NDArray[np.float32]:
    """One random variant of a 16 kHz waveform (float32 [n]), clipped and rounded to 16 bits like a sound card's."""
    ranges = ranges or Augmentation()
    sound = _cut(waveform.astype(np.float64), rng, ranges.cut_share)
    sound = _band_limit(sound, rng, ranges)
    sound = sound + _noise(len(sound), rng) * _rms(sound) * 10 ** (-rng.uniform(*ranges.snr_db) / 20)
    sound = sound / max(_rms(sound), _FLOOR) * 10 ** (rng.uniform(*ranges.level_dbfs) / 20)
    return (np.clip(np.round(sound * 32_768), -32_768, 32_767) / 32_768).astype(np.float32)


def generator_for(clip_id: str, variant: int, seed: int) -> np.random.Generator:
    """The random numbers of one variant of one clip: the same on every machine and in every order."""
    return np.random.default_rng([zlib.crc32(clip_id.encode()), variant, seed])


def _cut(sound: NDArray[np.float64], rng: np.random.Generator, share: float) -> NDArray[np.float64]:
    drop = min(int(rng.uniform(0, share) * len(sound)), max(len(sound) - MIN_SAMPLES, 0))
    start = int(rng.integers(0, drop + 1))
    return sound[start : len(sound) - (drop - start)]


def _band_limit(sound: NDArray[np.float64], rng: np.random.Generator, ranges: Augmentation) -> NDArray[np.float64]:
    """Half of the variants through a second-order Butterworth band-pass (its magnitude, without phase)."""
    high_pass_hz, low_pass_hz = rng.uniform(*ranges.highpass_hz), rng.uniform(*ranges.lowpass_hz)
    if rng.random() < 0.5:  # noqa: PLR2004
        return sound
    hz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE_HZ)
    gain = 1 / np.sqrt((1 + (hz / low_pass_hz) ** 4) * (1 + (high_pass_hz / np.maximum(hz, 1e-3)) ** 4))
    limited: NDArray[np.float64] = np.fft.irfft(np.fft.rfft(sound) * gain, len(sound))
    return limited


def _noise(n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Coloured noise of RMS 1."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    tilt = np.maximum(np.arange(len(spectrum)), 1.0) ** (-rng.uniform(0, 2) / 2)
    noise: NDArray[np.float64] = np.fft.irfft(spectrum * tilt, n)
    return noise / max(_rms(noise), 1e-12)


def _rms(sound: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(sound)))) if len(sound) else 0.0
