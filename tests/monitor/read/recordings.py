"""Small recordings of what counts as speech."""

from pathlib import Path

import numpy as np
import soundfile

from core.model import SAMPLE_RATE_HZ


def recording(path: Path, *lengths_s: float, pitch_hz: float = 140) -> Path:
    """Writes a file with a stretch of a buzz of each length, and a second of silence around each."""
    silence = np.zeros(SAMPLE_RATE_HZ)
    parts = [silence]
    for length_s in lengths_s:
        t = np.arange(round(length_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        harmonics = sum(np.sin(2 * np.pi * pitch_hz * n * t) / n for n in range(1, 20))
        parts += [0.1 * harmonics * (1.2 + np.sin(2 * np.pi * 4 * t)), silence]
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, (3000 * 10 * np.concatenate(parts)).astype(np.int16), SAMPLE_RATE_HZ)
    return path
