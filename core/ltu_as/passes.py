"""The passes of a LLaMA over a key/value cache that stays where it is.

The arithmetic is that of transformers' LLaMA, whose weights it takes. Its own caches grow with every token, and so can
be no part of a CUDA graph.
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRMSNorm

from core.ltu_as.graphs import Graphs
from core.ltu_as.quantization import is_quantized

_WITH_MASK = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """Shapes that passes are padded to, so that few graphs do for all.

    Attributes:
        batches: Utterances.
        lengths: Tokens of audio, prompt and what is read with it.
        widths: Tokens read at once behind a prompt.
        rooms: Tokens that may follow a prompt.
    """

    batches: tuple[int, ...] = (1, 2, 4, 8, 16)
    lengths: tuple[int, ...] = (128, 160, 192, 256, 384, 512)
    widths: tuple[int, ...] = (1, 48)
    rooms: tuple[int, ...] = (128, 512)

    def fit(self, batch: int, length: int, room: int) -> bool:
        """Whether there is a bucket for so many utterances, tokens, and tokens to follow."""
        return batch <= self.batches[-1] and length <= self.lengths[-1] and room <= self.rooms[-1]


_BUCKETS = Buckets()


class Passes:
    """Reads prompts, then what follows them, in exact shapes: one prompt at a time, of which the next leaves nothing.

    Args:
        llama: The language model.
    """

    most_width: int | None = None
    """Tokens that can be read at once behind a prompt; None: any number."""

    def __init__(self, llama: LlamaForCausalLM) -> None:
        self.llama = llama
        self._kept: Tensor | None = None

    def fitted(self, embeds: Tensor, keep: Tensor, extra: int, room: int) -> tuple[Tensor, Tensor]:  # noqa: ARG002
        """Embeddings and mask padded, before them and below them, as `read_prompt` wants them.

        Args:
            embeds: [B, S, hidden_size].
            keep: Boolean [B, S].
            extra: Tokens that will be read with them.
            room: Tokens that are to follow.
        """
        return embeds, keep

    def width_of(self, tokens: int) -> int:
        """Tokens that `read_on` has to be given for so many."""
        return tokens

    def capacity_of(self, length: int, room: int) -> int:
        """Places of the cache behind prompts of so many tokens with so much room."""
        return length + room

    def read_prompt(self, embeds: Tensor, mask: Tensor, position_ids: Tensor, room: int) -> Tensor:
        """Hidden states [B, Q, hidden_size] of a whole prompt, whose keys and values are kept if something may follow.

        Args:
            embeds: [B, Q, hidden_size].
            mask: Boolean [B, 1, Q, Q], true where a query (row) may look.
            position_ids: [B, Q].
            room: Tokens that may follow.
        """
        batch, length, _ = embeds.shape
        shape = self._shape(batch, self.capacity_of(length, room))
        self._kept = embeds.new_zeros(shape) if room else None
        return self._stack(embeds, mask, position_ids, self._kept, None)

    def read_on(self, embeds: Tensor, mask: Tensor, position_ids: Tensor, slots: Tensor) -> Tensor:
        """Hidden states [B, Q, hidden_size] of tokens behind the prompt that was read last.

        Args:
            embeds: [B, Q, hidden_size].
            mask: Boolean [B, 1, Q, capacity].
            position_ids: [B, Q].
            slots: [B, Q], the places of their keys and values.
        """
        assert self._kept is not None  # noqa: S101 - there was room
        used = int(slots.max()) + 1
        return self._stack(embeds, mask[..., :used], position_ids, self._kept[..., :used, :], slots)

    def _shape(self, batch: int, capacity: int) -> torch.Size:
        """Of a cache: layers, keys and values, utterances, heads, places, width."""
        config = self.llama.config
        heads, dim = config.num_attention_heads, config.hidden_size // config.num_attention_heads
        return torch.Size((config.num_hidden_layers, 2, batch, heads, capacity, dim))

    def _stack(
        self,
        hidden: Tensor,
        mask: Tensor,
        position_ids: Tensor,
        cache: Tensor | None,
        slots: Tensor | None,
    ) -> Tensor:
        model = self.llama.model
        turned = model.rotary_emb(hidden, position_ids=position_ids)
        for number, layer in enumerate(cast("Iterable[LlamaDecoderLayer]", model.layers)):
            query, key, value = self._heads(number, layer, self._norm(layer.input_layernorm, hidden))
            query, key = _turn(query, *turned), _turn(key, *turned)
            if cache is not None:
                key, value = cached(key, value, cache[number], slots)
            heard = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            hidden = hidden + layer.self_attn.o_proj(heard.transpose(1, 2).flatten(2))
            hidden = hidden + self._mlp(number, layer, self._norm(layer.post_attention_layernorm, hidden))
        return self._norm(model.norm, hidden)

    def _norm(self, norm: nn.Module, hidden: Tensor) -> Tensor:
        return cast("Tensor", norm(hidden))

    def _heads(self, number: int, layer: LlamaDecoderLayer, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ARG002
        """Queries, keys and values [B, heads, Q, dim]."""
        attention = layer.self_attn
        query, key, value = (
            projection(normed).unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
            for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        return query, key, value

    def _mlp(self, number: int, layer: LlamaDecoderLayer, normed: Tensor) -> Tensor:  # noqa: ARG002
        return cast("Tensor", layer.mlp(normed))


class GraphedPasses(Passes):
    """The same in a few fixed shapes, as CUDA graphs where there is a GPU, with fewer and larger kernels.

    Projections that read the same input are one matrix, unless they are quantised. Adapters have to be merged, and the
    weights must neither move nor change their type any more. All prompts share one cache, so one is at work at a time.

    Args:
        llama: The language model, merged.
        buckets: The shapes.

    Attributes:
        graphs: What runs them.
    """

    def __init__(self, llama: LlamaForCausalLM, buckets: Buckets = _BUCKETS) -> None:
        super().__init__(llama)
        self.buckets = buckets
        self.graphs = Graphs()
        self.most_width = buckets.widths[-1]
        self._at: tuple[int, int] = (0, 0)
        layers = [cast("LlamaDecoderLayer", layer) for layer in llama.model.layers]
        self._joins = not any(
            isinstance(part, nn.Linear) and is_quantized(part) for part in llama.model.layers.modules()
        )
        if self._joins:
            projections = [(each.self_attn.q_proj, each.self_attn.k_proj, each.self_attn.v_proj) for each in layers]
            self._qkv = [_joined(*three) for three in projections]
            self._gate_up = [_joined(each.mlp.gate_proj, each.mlp.up_proj) for each in layers]

    def fitted(self, embeds: Tensor, keep: Tensor, extra: int, room: int) -> tuple[Tensor, Tensor]:  # noqa: ARG002, D102
        batch, length, _ = embeds.shape
        below = _at_least(self.buckets.batches, batch) - batch
        before = _at_least(self.buckets.lengths, length + extra) - length - extra
        embeds, keep = (torch.cat([rows, rows[-1:].expand(below, *rows.shape[1:])]) for rows in (embeds, keep))
        return functional.pad(embeds, (0, 0, before, 0)), functional.pad(keep, (before, 0))

    def width_of(self, tokens: int) -> int:  # noqa: D102
        return _at_least(self.buckets.widths, tokens)

    def capacity_of(self, length: int, room: int) -> int:  # noqa: D102
        return length + _at_least(self.buckets.rooms, room) + self.buckets.widths[-1]

    def read_prompt(self, embeds: Tensor, mask: Tensor, position_ids: Tensor, room: int) -> Tensor:  # noqa: D102
        batch, length, _ = embeds.shape
        self._at = batch, self.capacity_of(length, room)
        cache = self._cache(embeds)
        if room and not self.graphs.knows(("on", self._at)):
            self._make_ready(embeds, position_ids)

        def prompt(embeds: Tensor, mask: Tensor, position_ids: Tensor) -> Tensor:
            cache[..., length:, :].zero_()  # what an earlier prompt left: no mask hides what is not finite
            return self._masked(embeds, mask, position_ids, cache, None)

        return self.graphs.run(("prompt", self._at), prompt, embeds, additive(mask, embeds), position_ids)

    def read_on(self, embeds: Tensor, mask: Tensor, position_ids: Tensor, slots: Tensor) -> Tensor:  # noqa: D102
        cache = self._cache(embeds)

        def on(embeds: Tensor, mask: Tensor, position_ids: Tensor, slots: Tensor) -> Tensor:
            return self._masked(embeds, mask, position_ids, cache, slots)

        return self.graphs.run(("on", self._at), on, embeds, additive(mask, embeds), position_ids, slots)

    def _make_ready(self, embeds: Tensor, position_ids: Tensor) -> None:
        """Captures whatever may follow a prompt with its first one, so that no later utterance has to wait for it."""
        batch, capacity = self._at
        for width in self.buckets.widths:
            slots = torch.arange(width, device=embeds.device).expand(batch, -1)
            mask = torch.ones(batch, 1, width, capacity, dtype=torch.bool, device=embeds.device)
            self.read_on(embeds[:, :width], mask, position_ids[:, :width], slots)

    def _masked(
        self, embeds: Tensor, mask: Tensor, position_ids: Tensor, cache: Tensor, slots: Tensor | None
    ) -> Tensor:
        with kernels_with_mask(embeds):
            return self._stack(embeds, mask, position_ids, cache, slots)

    def _cache(self, embeds: Tensor) -> Tensor:
        """The cache at the size in use."""
        return self.graphs.memory(self._shape(*self._at), embeds)

    def _heads(self, number: int, layer: LlamaDecoderLayer, normed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if not self._joins:
            return super()._heads(number, layer, normed)
        joined = functional.linear(normed, self._qkv[number])
        by_head = joined.unflatten(-1, (3, -1, layer.self_attn.head_dim))  # type: ignore[no-untyped-call]
        query, key, value = by_head.permute(2, 0, 3, 1, 4)
        return query, key, value

    def _norm(self, norm: nn.Module, hidden: Tensor) -> Tensor:
        rms = cast("LlamaRMSNorm", norm)
        normed = functional.rms_norm(hidden.float(), hidden.shape[-1:], eps=rms.variance_epsilon)
        return rms.weight * normed.to(hidden.dtype)

    def _mlp(self, number: int, layer: LlamaDecoderLayer, normed: Tensor) -> Tensor:
        if not self._joins:
            return super()._mlp(number, layer, normed)
        gate, up = functional.linear(normed, self._gate_up[number]).chunk(2, dim=-1)
        return cast("Tensor", layer.mlp.down_proj(functional.silu(gate) * up))


def kernels_with_mask(like: Tensor) -> AbstractContextManager[None]:
    """On a GPU, only the kernels of attention that take a mask, and treat all batches alike."""
    return sdpa_kernel(_WITH_MASK) if like.is_cuda else nullcontext()


def _joined(*linears: nn.Module) -> Tensor:
    """Their weights below each other; the layers' own become views of it, so that nothing is held twice."""
    weights = [cast("nn.Linear", linear).weight for linear in linears]
    joined = torch.cat([weight.detach() for weight in weights])
    parts = joined.split([len(weight) for weight in weights])  # type: ignore[no-untyped-call]
    for weight, part in zip(weights, parts, strict=True):
        weight.data = part
    return joined


def _turn(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of [B, heads, Q, dim]."""
    first, second = states.chunk(2, dim=-1)
    return states * cos[:, None] + torch.cat((-second, first), dim=-1) * sin[:, None]


def cached(key: Tensor, value: Tensor, cache: Tensor, slots: Tensor | None) -> tuple[Tensor, Tensor]:
    """Keeps keys and values, from the cache's beginning or at `slots`; gives those that can be looked at."""
    keys, values = cache
    if slots is None:
        keys[:, :, : key.shape[2]].copy_(key)
        values[:, :, : value.shape[2]].copy_(value)
        return key, value
    places = slots[:, None, :, None].expand_as(key)
    keys.scatter_(2, places, key)
    values.scatter_(2, places, value)
    return keys, values


def additive(mask: Tensor, embeds: Tensor) -> Tensor:
    """0 where one may look, minus infinity elsewhere: kernels would make that of a boolean mask in every layer."""
    return torch.zeros(mask.shape, dtype=embeds.dtype, device=mask.device).masked_fill_(~mask, -torch.inf)


def _at_least(sizes: Sequence[int], wanted: int) -> int:
    return next(size for size in sizes if size >= wanted)
