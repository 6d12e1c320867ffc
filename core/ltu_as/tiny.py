"""LTU-AS in miniature with random weights: the real code in milliseconds, for tests and demonstrations."""

import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.ltu_as.config import (
    AnchorConfig,
    AudioConfig,
    LlamaConfig,
    LoraConfig,
    LTUASConfig,
    TLTRConfig,
    WhisperConfig,
)
from core.ltu_as.model import LTUAS
from core.ltu_as.sentencepiece import Piece, PieceType, byte_fallback_tokenizer
from core.ltu_as.tokenizer import Tokenizer

_AUDIO = AudioConfig()
_MERGED = (
    "er", "es", "ess", "ad", "ap", "pp", "app", "ppy", "iness", "ness", "ral", "ut", "ger", "gry", "An", "Ne", "an",
    "ne", "▁An", "▁H", "▁S", "▁Sad", "▁Ne", "▁an", "▁anger", "▁h", "▁s", "▁sad", "▁n", "in", "th", "▁th", "▁the",
    "on", "se", "ti", "###", "▁###", "Instruction", "Response", "Input",
)  # fmt: skip
"""Pieces of more than one character, earlier ones joined first; emotion words come apart much as in LLaMA."""


def tiny_model(seed: int = 0, *, lora: bool = True, audio: AudioConfig = _AUDIO, anchored: bool = False) -> LTUAS:
    """A fresh LTU-AS with random weights, large enough that sound, prompt and adapters show in every logit.

    The same seed always gives the same model. An anchored one gets to know voices.
    """
    tokenizer = tiny_tokenizer()
    model = LTUAS(tiny_config(tokenizer.vocab_size, lora=lora, audio=audio, anchored=anchored), tokenizer)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "embed_positions" not in name:
                parameter.copy_(_random(name, parameter.shape, seed))
    return model.eval()


def save_tiny(
    folder: Path, seed: int = 0, *, lora: bool = True, audio: AudioConfig = _AUDIO, anchored: bool = False
) -> None:
    """Writes the model folder of `tiny_model`."""
    tiny_model(seed, lora=lora, audio=audio, anchored=anchored).save_pretrained(folder)


def tiny_config(
    vocab_size: int, *, lora: bool = True, audio: AudioConfig = _AUDIO, anchored: bool = False
) -> LTUASConfig:
    """The sizes of the tiny model."""
    return LTUASConfig(
        name="tiny",
        whisper=WhisperConfig(d_model=16, layers=2, heads=2, ffn=32, positions=500),
        audio=audio,
        tltr=TLTRConfig(layer_heads=4, standardise=anchored),
        anchor=AnchorConfig() if anchored else None,
        llama=LlamaConfig(
            vocab_size=vocab_size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4
        ),
        lora=LoraConfig(r=4, alpha=8) if lora else None,
    )


def tiny_tokenizer() -> Tokenizer:
    """A byte-fallback BPE of some 400 pieces that cuts emotion words into several."""
    specials = [Piece("<unk>", 0, PieceType.UNKNOWN), *(Piece(text, 0, PieceType.CONTROL) for text in ("<s>", "</s>"))]
    in_bytes = [Piece(f"<0x{value:02X}>", 0, PieceType.BYTE) for value in range(256)]
    letters = [Piece(chr(code), -1e9, PieceType.NORMAL) for code in (ord("▁"), *range(0x21, 0x7F))]
    steps: dict[str, None] = {}
    for text in _MERGED:
        steps |= dict.fromkeys(_way_to(text, {*steps, *(letter.text for letter in letters)}))
    merged = [Piece(text, -float(rank), PieceType.NORMAL) for rank, text in enumerate(steps)]
    return byte_fallback_tokenizer([*specials, *in_bytes, *merged, *letters])


def _way_to(text: str, known: set[str]) -> list[str]:
    """The pieces that must exist so that joining two at a time leads to `text`."""
    if text in known:
        return []
    cut = next(at for at in range(len(text) - 1, 0, -1) if text[:at] in known)
    return [*_way_to(text[cut:], known), text]


def _random(name: str, shape: torch.Size, seed: int) -> Tensor:
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values: Tensor = torch.from_numpy(generator.standard_normal(tuple(shape), dtype=np.float32))
    if len(shape) == 1:
        return 1 + 0.2 * values if name.endswith("weight") else 0.1 * values
    if "embed_tokens" in name:
        return values
    gain = 4.0 if "lm_head" in name else 1.0
    return values * (gain / math.sqrt(math.prod(shape[1:])))
