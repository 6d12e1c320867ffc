"""How loud a block of sound is."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FLOOR_DBFS = -120.0
"""Stands for digital silence, whose level is minus infinity: JSON has no such number."""

_FULL_SCALE = 32768.0
_HIGHEST = 32767


@dataclass(frozen=True, slots=True)
class Level:
    """Root mean square and peak in dB relative to full scale, at most 0, at least FLOOR_DBFS."""

    rms_dbfs: float
    peak_dbfs: float


def measure_level(samples: NDArray[np.int16]) -> Level:
    """Level of any number of int16 samples; an empty block counts as silence."""
    if not len(samples):
        return Level(FLOOR_DBFS, FLOOR_DBFS)
    wide = samples.astype(np.float64) / _FULL_SCALE
    return Level(_dbfs(math.sqrt(float(np.mean(wide**2)))), _dbfs(float(np.max(np.abs(wide)))))


def is_clipped(samples: NDArray[np.int16]) -> bool:
    """Whether any of the int16 samples is at full scale, where a converter ends."""
    return bool(len(samples)) and bool(samples.max() >= _HIGHEST or samples.min() <= -_FULL_SCALE)


def _dbfs(amplitude: float) -> float:
    return max(20 * math.log10(amplitude), FLOOR_DBFS) if amplitude > 0 else FLOOR_DBFS
