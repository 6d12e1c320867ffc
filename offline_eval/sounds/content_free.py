"""Sounds in which there is nothing to hear: what a model says to them, it says of itself."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ
from offline_eval.sounds.augment import coloured_noise, rms

DURATION_S = (1.0, 8.0)
NOISE_LEVELS_DBFS = (-60.0, -50.0, -40.0, -30.0, -20.0, -12.0)
FLOORS_DBFS = (-90.0, -80.0, -70.0)
"""Silence as converters give it, beside digital silence."""

Sound = NDArray[np.float64]
Maker = Callable[[int, np.random.Generator], Sound]


def content_free_sounds(seed: int | Sequence[int]) -> list[NDArray[np.int16]]:
    """All of `content_free_by_kind`."""
    return [sound for sounds in content_free_by_kind(seed).values() for sound in sounds]


def content_free_by_kind(seed: int | Sequence[int]) -> dict[str, list[NDArray[np.int16]]]:
    """Silence, noises, hum, keys and fans of 1 to 8 s: 16 kHz int16 [n] by kind; another seed gives others."""
    rng = np.random.default_rng(seed)
    kinds: dict[str, tuple[Maker, tuple[float, ...]]] = {
        "silence": (_white, (-np.inf, *FLOORS_DBFS)),
        "white noise": (_white, NOISE_LEVELS_DBFS),
        "pink noise": (lambda n, draw: coloured_noise(n, 1, draw), NOISE_LEVELS_DBFS),
        "brown noise": (lambda n, draw: coloured_noise(n, 2, draw), NOISE_LEVELS_DBFS),
        "mains hum": (_hum, NOISE_LEVELS_DBFS),
        "keyboard": (_keyboard, NOISE_LEVELS_DBFS),
        "fan": (_fan, NOISE_LEVELS_DBFS),
    }
    return {
        kind: [_at_level(make(_length(rng), rng), level_dbfs + rng.uniform(-5, 5)) for level_dbfs in levels_dbfs]
        for kind, (make, levels_dbfs) in kinds.items()
    }


def _length(rng: np.random.Generator) -> int:
    return int(rng.uniform(*DURATION_S) * SAMPLE_RATE_HZ)


def _at_level(sound: Sound, level_dbfs: float) -> NDArray[np.int16]:
    scaled = sound / rms(sound) * 32_768 * 10 ** (level_dbfs / 20)
    return np.clip(np.round(scaled), -32_768, 32_767).astype(np.int16)


def _white(n: int, rng: np.random.Generator) -> Sound:
    return coloured_noise(n, 0, rng)


def _hum(n: int, rng: np.random.Generator) -> Sound:
    """50 or 60 Hz and some harmonics, over faint noise."""
    return _tones(n, rng.choice([50.0, 60.0]), rng) + 0.03 * _white(n, rng)


def _fan(n: int, rng: np.random.Generator) -> Sound:
    """Air and blades: steep noise and a tone with harmonics, both slowly swelling."""
    t = np.arange(n) / SAMPLE_RATE_HZ
    swell = 1 + rng.uniform(0, 0.4) * np.sin(2 * np.pi * rng.uniform(0.2, 2) * t)
    air = coloured_noise(n, rng.uniform(0.5, 2), rng)
    return swell * (air + rng.uniform(0.05, 0.7) * _tones(n, rng.uniform(70, 300), rng))


def _keyboard(n: int, rng: np.random.Generator) -> Sound:
    """Keys going down and up: decaying bursts of noise, over faint noise."""
    sound = 0.003 * _white(n, rng)
    for start in rng.integers(0, n, size=max(1, int(n / SAMPLE_RATE_HZ * rng.uniform(3, 12)))):
        decay_s = rng.uniform(0.002, 0.012)
        burst = rng.standard_normal(min(int(8 * decay_s * SAMPLE_RATE_HZ), n - start))
        sound[start : start + len(burst)] += (
            rng.uniform(0.2, 1) * burst * np.exp(-np.arange(len(burst)) / (decay_s * SAMPLE_RATE_HZ))
        )
    return sound


def _tones(n: int, hz: float, rng: np.random.Generator) -> Sound:
    """A tone and seven harmonics of random strength and phase, of RMS 1."""
    t = np.arange(n) / SAMPLE_RATE_HZ
    harmonics = np.arange(1, 9)
    strength = rng.uniform(0, 1, size=8) / harmonics
    phase = rng.uniform(0, 2 * np.pi, size=8)
    tones: Sound = (strength[:, None] * np.sin(2 * np.pi * hz * harmonics[:, None] * t + phase[:, None])).sum(0)
    return tones / rms(tones)
