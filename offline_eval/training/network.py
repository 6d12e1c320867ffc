"""A fresh LTU-AS around a trained Whisper encoder."""

import math
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from core.ltu_as.config import LlamaConfig, LTUASConfig, TLTRConfig
from core.ltu_as.model import LTUAS
from core.ltu_as.tokenizer import Tokenizer
from offline_eval.training.encoder import Encoder
from offline_eval.training.recipe import Recipe
from offline_eval.training.teachers import Teachers

_LEAST_STD = 1e-2


def build(recipe: Recipe, encoder: Encoder, tokenizer: Tokenizer, *, name: str) -> LTUAS:
    """The model of a recipe: the encoder's weights, everything else random. The encoder takes no gradient."""
    config = LTUASConfig(
        name=name,
        whisper=encoder.config,
        audio=encoder.audio,
        tltr=TLTRConfig(layer_heads=recipe.layer_heads, standardise=True, join=recipe.join, activation="gelu"),
        llama=LlamaConfig(
            vocab_size=tokenizer.vocab_size,
            hidden_size=recipe.hidden,
            intermediate_size=recipe.feed_forward,
            num_hidden_layers=recipe.layers,
            num_attention_heads=recipe.heads,
            max_position_embeddings=1024,
        ),
    )
    torch.manual_seed(recipe.seed)
    model = LTUAS(config, tokenizer)
    model.whisper.load_state_dict(encoder.module.state_dict())
    model.whisper.requires_grad_(requires_grad=False)
    return model


def taken_up(folder: Path, *, name: str) -> LTUAS:
    """A trained model folder under another name, to be trained further. The encoder takes no gradient.

    Raises:
        ModelError: The folder cannot be used.
    """
    model = LTUAS.from_pretrained(folder)
    model.config = replace(model.config, name=name)
    model.whisper.requires_grad_(requires_grad=False)
    return model.train()


@torch.no_grad()
def take_over(model: LTUAS, teachers: Teachers) -> None:
    """The teachers' hidden layers, side by side, become the projection: what carries over to new voices is in them."""
    linear = cast("nn.Linear", model.audio_proj[1])
    weight, bias = teachers.hidden()
    linear.weight.copy_(weight)
    linear.bias.copy_(bias)


@torch.no_grad()
def fit_scales(model: LTUAS, features: Tensor) -> None:
    """Starts the trained parts at the scale of the data: features [N, layers, T, d_model] of training clips.

    Whisper's raw block outputs have a few channels a hundred times louder than the rest, which carry little and would
    drown the others for many steps: the features are standardised, and so is what the projection gives. The TLTR blocks
    start as the identity: random changes would stay wherever no training voice shows that they are wrong.
    """
    tltr = model.audio_encoder
    mean, std = _moments(features.transpose(1, 2).flatten(0, 1))
    tltr.input_mean.copy_(mean[:, None])
    tltr.input_std.copy_(std[:, None])
    for block in (tltr.time_tr, tltr.layer_tr):
        for linear in (block.attn.out, cast("nn.Linear", block.mlp[2])):
            linear.weight.zero_()
            linear.bias.zero_()
    linear = cast("nn.Linear", model.audio_proj[1])
    mean, std = _moments(model.audio_proj[0](model.tltr(features)).flatten(0, 1))
    linear.weight.normal_(0, 1 / math.sqrt(linear.in_features)).div_(std)
    linear.bias.copy_(-linear.weight @ mean)
    _scale_language_model(model)


def _moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    return rows.mean(0), rows.std(0).clamp(min=_LEAST_STD)


def _scale_language_model(model: LTUAS) -> None:
    """Unit-variance embeddings beside the unit-variance audio tokens, and linear maps that keep the variance."""
    depth = 2 * len(model.llama.model.layers)
    for name, weight in model.llama.named_parameters():
        if "embed_tokens" in name:
            weight.normal_(0, 1)
        elif weight.ndim == 2:  # noqa: PLR2004
            gain = 1 / math.sqrt(depth) if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.0
            weight.normal_(0, gain / math.sqrt(weight.shape[1]))
