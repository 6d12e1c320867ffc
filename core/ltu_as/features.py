"""Sound to features: log-mel spectrogram, Whisper encoder, and the mean over short stretches of time."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import WhisperConfig as HfWhisperConfig
from transformers.audio_utils import mel_filter_bank
from transformers.models.whisper.modeling_whisper import WhisperEncoderLayer

from core.errors import AudioError
from core.ltu_as.config import HOP_LENGTH, AudioConfig, WhisperConfig
from core.ltu_as.graphs import Graphs
from core.model import SAMPLE_RATE_HZ

N_FFT = 400
MIN_SAMPLES = N_FFT // 2 + 1
"""The spectrogram reflects half a window at each end, so it needs more samples than that."""
INT16_SCALE = 32_768.0
HALF_MINUTE_SAMPLES = 30 * SAMPLE_RATE_HZ
_SILENCE_SAMPLES = 4 * N_FFT
"""Beyond these a spectrogram knows nothing of the sound any more."""
GRAPHED_BATCH = 4
"""Windows that a graph is worth it for; more keep a GPU busy as they are."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class EncodedSounds:
    """What the encoder made of a batch of sounds.

    Attributes:
        features: float32 [B, layers, T, d_model]; shorter sounds are padded with zeros before them.
        keep: Boolean [B, T], false where there is no sound.
        means: float32 [B, layers, d_model], over the time that holds sound, on the CPU.
        truncated_s: Of each sound, the seconds beyond the window.
        ms: Time that it took.
    """

    features: Tensor
    keep: Tensor
    means: Tensor
    truncated_s: Sequence[float]
    ms: float

    @classmethod
    def of(cls, batches: "Sequence[Self]") -> Self:
        """Joins batches to one."""
        longest = max(batch.keep.shape[1] for batch in batches)
        padded = [(batch, longest - batch.keep.shape[1]) for batch in batches]
        return cls(
            features=torch.cat([nn.functional.pad(batch.features, (0, 0, n, 0)) for batch, n in padded]),
            keep=torch.cat([nn.functional.pad(batch.keep, (n, 0)) for batch, n in padded]),
            means=torch.cat([batch.means for batch in batches]),
            truncated_s=[seconds for batch in batches for seconds in batch.truncated_s],
            ms=sum(batch.ms for batch in batches),
        )

    def each(self) -> list[Self]:
        """Every sound as a batch of its own."""
        number = len(self.truncated_s)
        return [
            replace(
                self,
                features=self.features[row : row + 1],
                keep=self.keep[row : row + 1],
                means=self.means[row : row + 1],
                truncated_s=[self.truncated_s[row]],
                ms=self.ms / number,
            )
            for row in range(number)
        ]

    def shifted(self, shift: Tensor) -> Self:
        """The same with [B, layers, d_model] taken from the features at every time."""
        return replace(self, features=self.features - shift[:, :, None].to(self.features.device))


def means_over_sound(features: Tensor, samples: Sequence[int], audio: AudioConfig) -> Tensor:
    """Means [B, layers, d_model] of features [B, layers, T, d_model] over the time that holds sound, on the CPU."""
    times = [audio.tokens_with_sound(length) for length in samples]
    parts = [slice(n) if audio.window == "fixed" else slice(-n, None) for n in times]
    return torch.stack([row[:, part].float().mean(1) for row, part in zip(features, parts, strict=True)]).cpu()


def log_mel(waveform: NDArray[np.int16] | NDArray[np.float32], n_mels: int = 80) -> Tensor:
    """Whisper's log-mel spectrogram of the whole sound, float32 [n_mels, samples // 160] on the CPU.

    Unlike the feature extractor of transformers it neither pads nor cuts the sound; the loudest value that limits the
    range is that of the whole sound, as in the original (whisper/audio.py).

    Args:
        waveform: 16 kHz mono; int16, or float32 in [-1, 1).
        n_mels: Rows.

    Raises:
        AudioError: Fewer than 201 samples, or not one-dimensional.
    """
    if waveform.ndim != 1 or len(waveform) < MIN_SAMPLES:
        shape = "x".join(map(str, waveform.shape))
        msg = f"the sound is too short: {shape} samples, at least {MIN_SAMPLES} at {SAMPLE_RATE_HZ} Hz are needed"
        raise AudioError(msg)
    samples = torch.from_numpy(np.ascontiguousarray(waveform))
    samples = samples.float() / INT16_SCALE if waveform.dtype == np.int16 else samples.float()
    spectrum = torch.stft(samples, N_FFT, HOP_LENGTH, window=torch.hann_window(N_FFT), return_complex=True)
    mel = _mel_filters(n_mels) @ (spectrum[:, :-1].abs() ** 2)
    log_spectrum = mel.clamp(min=1e-10).log10()
    log_spectrum = torch.maximum(log_spectrum, log_spectrum.max() - 8.0)
    return (log_spectrum + 4.0) / 4.0


def half_minute(waveform: NDArray[np.int16] | NDArray[np.float32], n_mels: int = 80) -> Tensor:
    """What a whole Whisper hears of at most 30 s: [n_mels, 3000], the sound followed by silence.

    As transformers' feature extractor gives it, which transforms the silence too.
    """
    silence = min(_SILENCE_SAMPLES, HALF_MINUTE_SAMPLES - len(waveform))
    padded = np.zeros(len(waveform) + silence, waveform.dtype)
    padded[: len(waveform)] = waveform
    mel = log_mel(padded, n_mels)
    return nn.functional.pad(mel, (0, HALF_MINUTE_SAMPLES // HOP_LENGTH - mel.shape[1]), value=float(mel.min()))


def windows_of(waveform: NDArray[np.int16] | NDArray[np.float32], audio: AudioConfig, n_mels: int = 80) -> list[Tensor]:
    """What the encoder hears of a sound: the window of the whole, or of each of its pieces.

    Raises:
        AudioError: Fewer than 201 samples, or not one-dimensional.
    """
    if (pieces := audio.pieces_of(len(waveform))) == 1:
        return [fit_window(log_mel(waveform, n_mels), audio)]
    heard = waveform[: round(audio.window_s * SAMPLE_RATE_HZ)]
    ends = np.linspace(0, len(heard), pieces + 1).round().astype(int).tolist()
    return [fit_window(log_mel(heard[start:end], n_mels), audio) for start, end in pairwise(ends)]


def fit_window(mel: Tensor, audio: AudioConfig) -> Tensor:
    """What the encoder hears of a whole sound's spectrogram [n_mels, any]: [n_mels, an even number].

    In a window as long as the utterance, a frame that makes the number even has the spectrogram's own smallest value,
    its silence.
    """
    if audio.level is not None:
        mel = at_level(mel, audio.level)
    if audio.window == "fixed":
        return pad_or_trim(mel, audio.mel_frames)
    heard = mel[:, : audio.mel_frames]
    return nn.functional.pad(heard, (0, heard.shape[1] % 2), value=float(mel.min()))


def at_level(mel: Tensor, level: float) -> Tensor:
    """The spectrogram shifted so that its largest value is `level`: in logarithms, that undoes any gain.

    Silence, all of one value, has no level and stays as it is.
    """
    loudest = mel.max()
    return mel if loudest == mel.min() else mel - loudest + level


def pad_or_trim(mel: Tensor, frames: int) -> Tensor:
    """The first `frames` columns; what is missing is 0.0 (in mel space, not silence), as the original has it."""
    return nn.functional.pad(mel[:, :frames], (0, max(0, frames - mel.shape[1])))


@cache
def _mel_filters(n_mels: int) -> Tensor:
    filters = mel_filter_bank(
        num_frequency_bins=N_FFT // 2 + 1,
        num_mel_filters=n_mels,
        min_frequency=0.0,
        max_frequency=SAMPLE_RATE_HZ / 2,
        sampling_rate=SAMPLE_RATE_HZ,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(filters.T.astype(np.float32)).contiguous()


class WhisperFeatures(nn.Module):
    """The outputs of all blocks of a Whisper encoder, averaged over `pool` frames or a little less.

    The final layer norm is left out, as in the original: its blocks' raw outputs are the features. Deviations, if the
    configuration asks for them, follow the means as more layers.
    """

    def __init__(self, config: WhisperConfig, audio: AudioConfig) -> None:
        super().__init__()
        self.pool = audio.pool
        self.deviation = audio.deviation
        self.conv1 = nn.Conv1d(config.n_mels, config.d_model, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(config.d_model, config.d_model, kernel_size=3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(config.positions, config.d_model).requires_grad_(requires_grad=False)
        self.embed_positions.weight.copy_(sinusoids(config.positions, config.d_model))
        layer_config = HfWhisperConfig(
            d_model=config.d_model,
            encoder_attention_heads=config.heads,
            encoder_ffn_dim=config.ffn,
            attn_implementation="sdpa",  # type: ignore[call-arg]
        )
        self.layers = nn.ModuleList(WhisperEncoderLayer(layer_config) for _ in range(config.layers))

    def forward(self, mel: Tensor, pooled_dtype: torch.dtype | None = None) -> Tensor:
        """Features of mel spectrograms [B, n_mels, frames]: float32 [B, layers, ceil(frames / 2 / pool), d_model].

        The mean is taken in float32 and rounded to `pooled_dtype` (default: the encoder's own), as the original does.
        """
        dtype = self.conv1.weight.dtype
        hidden = nn.functional.gelu(self.conv1(mel.to(dtype)))
        hidden = nn.functional.gelu(self.conv2(hidden)).transpose(1, 2)
        hidden = hidden + self.embed_positions.weight[: hidden.shape[1]]
        means, deviations = [], []
        for layer in self.layers:
            hidden = layer(hidden, None)
            rounded = hidden.to(pooled_dtype or dtype)
            means.append(self._by_token(rounded, lambda part: part.mean(1, dtype=torch.float32).to(part.dtype)))
            if self.deviation:
                deviations.append(self._by_token(rounded, lambda part: part.float().std(1, unbiased=False)))
        return torch.stack([layer.float() for layer in (*means, *deviations)], dim=1)

    def _by_token(self, hidden: Tensor, pooled: Callable[[Tensor], Tensor]) -> Tensor:
        """[B, frames, d_model] shared out evenly among as few tokens as hold them, each pooled."""
        tokens = -(-hidden.shape[1] // self.pool)
        if hidden.shape[1] % tokens == 0:  # all at once: on a GPU every part by itself costs a kernel
            return pooled(hidden.reshape(-1, hidden.shape[1] // tokens, hidden.shape[2])).view(len(hidden), tokens, -1)
        return torch.stack([pooled(part) for part in hidden.tensor_split(tokens, dim=1)], dim=1)


def encode_together(
    encoder: WhisperFeatures,
    parts: Sequence[Sequence[Tensor]],
    pooled_dtype: torch.dtype | None = None,
    graphs: Graphs | None = None,
) -> Tensor:
    """Features [B, layers, T, d_model] of each sound's windows [n_mels, frames], those of several pieces averaged.

    Windows of one length go through the encoder together. Shorter sounds are padded with zeros before them.
    """

    def encoded(mel: Tensor) -> Tensor:
        return encoder(mel, pooled_dtype)  # type: ignore[no-any-return]

    by_length: dict[int, list[tuple[int, Tensor]]] = {}
    for row, windows in enumerate(parts):
        for window in windows:
            by_length.setdefault(window.shape[1], []).append((row, window))
    weight = encoder.conv1.weight
    layers, tokens = len(encoder.layers) * (1 + encoder.deviation), -(-max(by_length) // (2 * encoder.pool))
    features = torch.zeros(len(parts), layers, tokens, len(weight), device=weight.device)
    with torch.backends.cudnn.flags(allow_tf32=False):  # a GPU would round the convolutions to 10 bits
        for alike in by_length.values():
            mel = torch.stack([window for _, window in alike]).to(weight.device)
            few = graphs if len(mel) <= GRAPHED_BATCH else None
            outputs = few.run("encoder", encoded, mel) if few else encoded(mel)
            for (row, _), heard in zip(alike, outputs, strict=True):
                features[row, :, -heard.shape[1] :] += heard / len(parts[row])
    return features


def sinusoids(length: int, channels: int) -> Tensor:
    """Whisper's positional table, float32 [length, channels]: sines, then cosines."""
    half = channels // 2
    inverse = torch.exp(-math.log(10_000) / (half - 1) * torch.arange(half))
    scaled = torch.arange(length)[:, None] * inverse[None, :]
    return torch.cat([scaled.sin(), scaled.cos()], dim=1)
