"""Small trees of sound files as corpora release them, with invented content."""

from pathlib import Path

import numpy as np
import soundfile


def add_sounds(root: Path, *names: str) -> Path:
    """Writes 10 ms of quiet noise under each name."""
    rng = np.random.default_rng(len(names))
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, rng.uniform(-0.01, 0.01, 160).astype(np.float32), 16_000, subtype="PCM_16", format="WAV")
    return root


def add_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
