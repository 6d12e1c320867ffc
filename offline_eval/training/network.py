"""A fresh LTU-AS around a trained Whisper encoder."""

import math
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from core.ltu_as.config import AnchorConfig, LlamaConfig, LTUASConfig, TLTRConfig
from core.ltu_as.model import LTUAS
from core.ltu_as.tltr import ResidualAttentionBlock
from core.ltu_as.tokenizer import Tokenizer
from offline_eval.training.encoder import Encoder
from offline_eval.training.recipe import Recipe

_RESIDUAL_GAIN = 0.1
_LEAST_STD = 1e-2


def build(recipe: Recipe, encoder: Encoder, tokenizer: Tokenizer, *, name: str) -> LTUAS:
    """The model of a recipe: the encoder's weights, everything else random. The encoder takes no gradient."""
    config = LTUASConfig(
        name=name,
        whisper=encoder.config,
        audio=encoder.audio,
        tltr=TLTRConfig(layer_heads=recipe.layer_heads, standardise=recipe.standardise, join=recipe.join),
        anchor=_anchor(recipe),
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


def taken_up(folder: Path, recipe: Recipe, *, name: str) -> LTUAS:
    """A trained model folder under another name, to be trained further. The encoder takes no gradient.

    Raises:
        ModelError: The folder cannot be used.
    """
    model = LTUAS.from_pretrained(folder)
    model.config = replace(model.config, name=name, anchor=_anchor(recipe) or model.config.anchor)
    model.whisper.requires_grad_(requires_grad=False)
    return model.train()


def _anchor(recipe: Recipe) -> AnchorConfig | None:
    return None if recipe.anchors is None else AnchorConfig(pseudo_utterances=recipe.anchors.pseudo_utterances)


@torch.no_grad()
def fit_scales(model: LTUAS, features: Tensor, *, mean: Tensor | None = None) -> None:
    """Starts the trained parts at the scale of the data: features [N, layers, T, d_model] of training clips.

    Whisper's raw block outputs have a few channels a hundred times louder than the rest, which carry little and would
    drown the others for many steps. The features are standardised, or norm gains start by giving every channel the
    same spread; so does the projection. The TLTR blocks start near the identity. `mean` [layers, d_model] is what the
    features are standardised about, if not their own mean.
    """
    tltr = model.audio_encoder
    if tltr.standardise:
        tltr.input_mean.copy_((features.mean((0, 2)) if mean is None else mean)[:, None])
        tltr.input_std.copy_(features.std((0, 2)).clamp(min=_LEAST_STD)[:, None])
    for block in (tltr.time_tr, tltr.layer_tr):
        if not tltr.standardise:
            _standardise(block, features.flatten(0, 2))
        block.attn.out.weight.mul_(_RESIDUAL_GAIN)
        cast("nn.Linear", block.mlp[2]).weight.mul_(_RESIDUAL_GAIN)
    linear = cast("nn.Linear", model.audio_proj[1])
    mean, std = _moments(model.audio_proj[0](model.tltr(features)).flatten(0, 1))
    linear.weight.normal_(0, 1 / math.sqrt(linear.in_features)).div_(std)
    linear.bias.copy_(-linear.weight @ mean)
    _scale_language_model(model)


def _standardise(block: ResidualAttentionBlock, rows: Tensor) -> None:
    mean, std = _moments(nn.functional.layer_norm(rows, rows.shape[-1:]))
    for norm in (block.attn_ln, block.mlp_ln):
        norm.weight.copy_(1 / std)
        norm.bias.copy_(-mean / std)


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
