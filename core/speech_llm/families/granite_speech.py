"""Granite Speech (arXiv 2505.08699): a conformer and a Q-former in front of Granite, which hears through an adapter."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.model import SAMPLE_RATE_HZ
from core.speech_llm.families.family import AudioInputs, Family, Message, Sound

if TYPE_CHECKING:
    from torch import Tensor

_SYSTEM = (
    "Knowledge Cutoff Date: April 2024.\nToday's Date: April 9, 2025.\n"
    "You are Granite, developed by IBM. You are a helpful AI assistant"
)
"""That of its model card. Without one the chat template tells the day, and every day would read otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrogram:
    """What transformers' `GraniteSpeechFeatureExtractor` computes, to 5e-6, without torchaudio, which that one needs.

    Attributes:
        n_fft: Samples of the transform.
        win_length: Samples of the Hann window.
        hop_length: Samples between two frames.
        n_mels: Filters, on the mel scale of HTK.
        window: Pairs of frames that the Q-former reads at once.
        queries: Tokens it makes of them.
    """

    n_fft: int = 512
    win_length: int = 400
    hop_length: int = 160
    n_mels: int = 80
    window: int = 15
    queries: int = 3

    def tokens(self, samples: int) -> int:
        """Audio tokens of a sound."""
        pairs = (samples // self.hop_length + 1) // 2
        return math.ceil(pairs / self.window) * self.queries

    def of(self, sound: Sound) -> "Tensor":
        """Pairs of frames [T, 2 n_mels] of a sound, float32."""
        import torch
        from transformers.audio_utils import mel_filter_bank

        frames = torch.stft(
            torch.from_numpy(sound),
            self.n_fft,
            self.hop_length,
            self.win_length,
            window=torch.hann_window(self.win_length),
            return_complex=True,
        )
        bank = mel_filter_bank(self.n_fft // 2 + 1, self.n_mels, 0.0, SAMPLE_RATE_HZ / 2, SAMPLE_RATE_HZ)
        mels = frames.abs().square().T @ torch.from_numpy(bank).float()
        levels = mels.clip(min=1e-10).log10()
        levels = levels.maximum(levels.max() - 8) / 4 + 1
        return levels[: len(levels) // 2 * 2].reshape(-1, 2 * self.n_mels)


class GraniteSpeech(Family):
    """ibm-granite/granite-speech-3.3-8b and -2b."""

    model_type = "granite_speech"
    title = "Granite Speech"
    model_class = "GraniteSpeechForConditionalGeneration"
    placeholder = "<|audio|>"
    adapter = "."
    together = False  # its blocks of frames would reach into the padding

    def conversation(self, question: str, *, sound: bool) -> list[Message]:
        """See `Family`."""
        asked = {"role": "user", "content": f"{self.placeholder if sound else ''}{question}"}
        return [{"role": "system", "content": _SYSTEM}, asked]

    def adapted(self, config: dict[str, Any]) -> bool:
        """See `Family`."""
        return bool(config.get("has_lora_adapter", True))

    def extractor(self, folder: Path) -> Spectrogram:
        """See `Family`."""
        from transformers import SequenceFeatureExtractor

        told, _ = SequenceFeatureExtractor.get_feature_extractor_dict(folder, local_files_only=True)
        told = told | (told.get("melspec_kwargs") or {})
        sizes = {name: int(told[name]) for name in ("n_fft", "win_length", "hop_length", "n_mels") if name in told}
        window = int(told.get("projector_window_size", 15))
        return Spectrogram(window=window, queries=window // int(told.get("projector_downsample_rate", 5)), **sizes)

    def hear(self, extractor: Spectrogram, sounds: Sequence[Sound]) -> AudioInputs:
        """See `Family`; one sound at a time."""
        (sound,) = sounds
        return AudioInputs({"input_features": extractor.of(sound)[None]}, [extractor.tokens(len(sound))])
