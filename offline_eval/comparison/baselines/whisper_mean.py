"""What a frozen Whisper encoder hears, without regard to order in time."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.ltu_as.config import AudioConfig
from core.ltu_as.features import windows_of
from offline_eval.training.encoder import encode, load_encoder


class WhisperMean:
    """Mean and standard deviation of every block's output over the frames of the clip itself, without padding.

    Args:
        folder: Whisper in the Hugging Face layout.

    Attributes:
        encoder: Name of the folder.

    Raises:
        ModelError: The folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._encoder = load_encoder(folder, AudioConfig(pool=1, window="utterance"))
        self.encoder = self._encoder.name
        self.key = f"mean and deviation per block, {self._encoder.sha256}"

    def __call__(self, waveform: NDArray[np.int16]) -> NDArray[np.float32]:
        """float32 [2 * blocks * d_model], of the first ten seconds."""
        frames = encode(self._encoder, windows_of(waveform, self._encoder.audio, self._encoder.config.n_mels))
        vector: NDArray[np.float32] = torch.cat([frames.mean(1), frames.std(1, correction=0)]).flatten().numpy()
        return vector
