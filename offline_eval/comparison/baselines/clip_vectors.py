"""Vectors of fixed length of clips, computed once and kept on disk, one small file a clip.

They fall under the licence of the sound they come from.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.sound.audio import read_audio
from offline_eval.labels.clips import Clip

_TOLD_EVERY = 200


class Extractor(Protocol):
    """Turns sound into a vector."""

    @property
    def key(self) -> str:
        """Changes with anything, besides the sound, that the numbers depend on."""

    def __call__(self, waveform: NDArray[np.int16]) -> NDArray[np.float32]:
        """[D] of 16 kHz mono."""


class ClipVectors:
    """The vectors of one extractor.

    Args:
        folder: Where the files lie.
        extractor: What computes them.
        progress: Told now and then, while vectors are computed.
    """

    def __init__(self, folder: Path, extractor: Extractor, progress: Callable[[str], None]) -> None:
        self._folder = folder
        self._extractor = extractor
        self._progress = progress
        self._computed = 0

    @property
    def key(self) -> str:
        """The extractor's."""
        return self._extractor.key

    def matrix(self, clips: Sequence[Clip]) -> NDArray[np.float32]:
        """float32 [N, D], in the order of the clips.

        Raises:
            AudioError: A file cannot be decoded.
        """
        return np.stack([self._vector(clip) for clip in clips])

    def _vector(self, clip: Clip) -> NDArray[np.float32]:
        path = self._folder / f"{self._key(clip.path)}.npy"
        if path.is_file():
            stored: NDArray[np.float32] = np.load(path)
            return stored
        vector = self._extractor(read_audio(clip.path))
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            np.save(file, vector)
        partial.replace(path)
        self._computed += 1
        if self._computed % _TOLD_EVERY == 0:
            self._progress(f"{self._folder.name}: {self._computed} clips")
        return vector

    def _key(self, sound: Path) -> str:
        stat = sound.stat()
        content = [self._extractor.key, str(sound.resolve()), stat.st_size, stat.st_mtime_ns]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]
