"""TLTR, the time and layer-wise transformer that turns encoder features into audio tokens (Gong et al. 2023)."""

from typing import cast

import torch
from torch import Tensor, nn

from core.ltu_as.config import TLTRConfig


class TLTR(nn.Module):
    """One block over time, one over encoder layers, then the layers joined: their mean, as in the original.

    There is no positional embedding, no mask but for padding, and no final norm. Parameter names are those of the
    published checkpoints; the moments, float32 [layers, 1, dim], are there only if the configuration says so.
    """

    input_mean: Tensor
    input_std: Tensor

    def __init__(self, config: TLTRConfig, *, layers: int, dim: int) -> None:
        super().__init__()
        self.time_tr = ResidualAttentionBlock(dim, config.time_heads)
        self.layer_tr = ResidualAttentionBlock(dim, config.layer_heads)
        self.standardise = config.standardise
        self.join = config.join
        if config.standardise:
            self.register_buffer("input_mean", torch.zeros(layers, 1, dim))
            self.register_buffer("input_std", torch.ones(layers, 1, dim))

    def forward(self, features: Tensor, keep: Tensor | None = None) -> Tensor:
        """[B, layers, T, dim] -> [B, T, dim], or [B, T, layers * dim] when the layers are joined by concatenation.

        No time sees one at which `keep` [B, T] is false.
        """
        batch, layers = features.shape[:2]
        if self.standardise:
            features = (features - self.input_mean) / self.input_std
        mask = None
        if keep is not None and not bool(keep.all()):
            mask = keep.repeat_interleave(layers, dim=0)[:, None, None]
        by_layer = self.time_tr(features.flatten(0, 1), mask).unflatten(0, (batch, -1))
        by_time = self.layer_tr(by_layer.transpose(1, 2).flatten(0, 1)).unflatten(0, (batch, -1))
        return cast("Tensor", by_time.flatten(2) if self.join == "concat" else by_time.mean(dim=2))


class ResidualAttentionBlock(nn.Module):
    """Whisper's pre-norm transformer block."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(dim, heads)
        self.attn_ln = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.mlp_ln = nn.LayerNorm(dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """[B, N, dim] -> [B, N, dim]; `mask`, boolean [B, 1, 1, N], is false at places not to be looked at."""
        x = x + self.attn(self.attn_ln(x), mask)
        return cast("Tensor", x + self.mlp(self.mlp_ln(x)))


class MultiHeadAttention(nn.Module):
    """Self-attention to all places, or to those of a mask; the key has no bias."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim, bias=False)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """[B, N, dim] -> [B, N, dim]."""
        query, key, value = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.query, self.key, self.value)
        )
        heads = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return cast("Tensor", self.out(heads.transpose(1, 2).flatten(2)))
