"""A Whisper encoder in the Hugging Face layout as the feature extractor of LTU-AS."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from core.errors import ModelError, UsageError
from core.json_file import read_json
from core.ltu_as.checkpoint import folder_sha256
from core.ltu_as.config import AudioConfig, WhisperConfig
from core.ltu_as.features import WhisperFeatures
from core.ltu_as.model import LTUAS
from core.stand_in import refuse_stand_in

_PREFIX = "model.encoder."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoder:
    """A frozen encoder in float32, its sizes, and the hash of the file it came from."""

    config: WhisperConfig
    audio: AudioConfig
    module: WhisperFeatures
    sha256: str
    name: str


def load_encoder(folder: Path, audio: AudioConfig | None = None, *, layers: int | None = None) -> Encoder:
    """Reads config.json and model.safetensors of a Whisper; only the positions that are heard are kept.

    Args:
        folder: Of the Whisper.
        audio: The window that is heard.
        layers: Keep so many of the first blocks; None: all.

    Raises:
        ModelError: A file is missing or broken, or a tensor is missing or has another shape.
        UsageError: The encoder has fewer blocks.
    """
    audio = audio or AudioConfig()
    weights = folder / "model.safetensors"
    try:
        sizes = read_json(folder / "config.json")
        config = WhisperConfig(
            n_mels=sizes["num_mel_bins"],
            d_model=sizes["d_model"],
            layers=layers or sizes["encoder_layers"],
            heads=sizes["encoder_attention_heads"],
            ffn=sizes["encoder_ffn_dim"],
            positions=audio.encoder_frames,
        )
        refuse_stand_in(weights, "weights", ModelError)
        tensors = load_file(weights)
        sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        msg = f"{folder}: not a Whisper model in the Hugging Face layout: {error}"
        raise ModelError(msg, hint="it needs config.json and model.safetensors") from error
    if config.layers > sizes["encoder_layers"]:
        msg = f"{folder}: {sizes['encoder_layers']} encoder layers, {config.layers} were asked for"
        raise UsageError(msg)
    module = WhisperFeatures(config, audio)
    state = {name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items() if name.startswith(_PREFIX)}
    try:
        state = {name: state[name][: len(wanted)].float() for name, wanted in module.state_dict().items()}
        module.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        msg = f"{weights}: does not fit an encoder of its config.json: {error}"
        raise ModelError(msg) from error
    module.eval().requires_grad_(requires_grad=False)
    return Encoder(config=config, audio=audio, module=module, sha256=sha256, name=folder.resolve().name)


def encoder_of(folder: Path) -> Encoder:
    """The encoder inside a model folder.

    Raises:
        ModelError: The folder cannot be used.
    """
    model = LTUAS.from_pretrained(folder)
    module = model.whisper.requires_grad_(requires_grad=False)
    return Encoder(
        config=model.config.whisper,
        audio=model.config.audio,
        module=module,
        sha256=folder_sha256(folder),
        name=f"that of {model.config.name}",
    )


def encode(encoder: Encoder, windows: Sequence[torch.Tensor], *, bfloat16: bool = False) -> torch.Tensor:
    """Features of one sound, of which the encoder hears `windows_of`: float32 [layers, tokens, d_model].

    `bfloat16` is for training material: half the time or less where the processor has it, at three digits.
    """
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        parts = [encoder.module(window[None])[0] for window in windows]
        return torch.stack(parts).mean(0) if len(parts) > 1 else cast("torch.Tensor", parts[0])
