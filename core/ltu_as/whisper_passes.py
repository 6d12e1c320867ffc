"""The passes of a Whisper over caches that stay where they are: it listens once, then reads token by token.

As `core.ltu_as.passes` for LLaMA: transformers' weights and arithmetic, without its growing caches.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.whisper.modeling_whisper import WhisperAttention, WhisperDecoderLayer

from core.ltu_as.graphs import Graphs
from core.ltu_as.passes import additive, cached, kernels_with_mask

_STEP = 8
"""Places that the cache is looked at in multiples of, for the kernels of a GPU."""


class WhisperPasses:
    """Encoder and decoder of a complete Whisper, one batch of sounds at a time.

    Args:
        whisper: A WhisperForConditionalGeneration in evaluation.
        graphs: What runs them in fixed shapes; None: each as it comes.
    """

    def __init__(self, whisper: Any, graphs: Graphs | None = None) -> None:
        self._whisper, self._graphs = whisper, graphs
        self._encoder_forward = whisper.model.encoder.forward
        config = whisper.config
        self.places = int(config.max_target_positions)
        """Tokens that can be read, those that say what is wanted included."""
        self._heads, self._width = config.decoder_attention_heads, config.d_model // config.decoder_attention_heads
        self._places = -(-self.places // _STEP) * _STEP
        self._cache = torch.empty(0)

    def hear(self, mel: Tensor) -> Tensor:
        """Encodes spectrograms [B, n_mels, 3000] of half a minute; what is read from now on is about them.

        The encoder's states come back, [B, 1500, d_model]; the next sounds may overwrite them.
        """
        config = self._whisper.config
        shape = config.decoder_layers, 2, len(mel), self._heads, self._places + config.max_source_positions, self._width
        size = torch.Size(shape)
        cache = self._cache = mel.new_zeros(size) if self._graphs is None else self._graphs.memory(size, mel)

        def encode(mel: Tensor) -> Tensor:
            cache[..., : self._places, :].zero_()  # what an earlier sound left: no mask hides what is not finite
            hidden: Tensor = self._encoder_forward(mel).last_hidden_state
            for layer, (keys, values) in zip(self._layers, cache[..., self._places :, :], strict=True):
                keys.copy_(_by_head(layer.encoder_attn, layer.encoder_attn.k_proj(hidden)))
                values.copy_(_by_head(layer.encoder_attn, layer.encoder_attn.v_proj(hidden)))
            return hidden

        return self._run("hear", encode, mel)

    def read(self, tokens: Tensor, start: int) -> Tensor:
        """Logits float32 [B, V] after tokens [B, n], the first of which is the one at `start`."""
        decoder, cache = self._whisper.model.decoder, self._cache
        places = torch.arange(start, start + tokens.shape[1], device=tokens.device)
        mask = torch.arange(self._places, device=tokens.device) <= places[:, None]

        def decode(tokens: Tensor, places: Tensor, mask: Tensor) -> Tensor:
            hidden = decoder.embed_tokens(tokens) + decoder.embed_positions.weight[places]
            slots = places.expand(len(tokens), -1)
            with kernels_with_mask(hidden):
                for layer, memory in zip(self._layers, cache, strict=True):
                    own, heard = memory.tensor_split([self._places], dim=-2)
                    hidden = _layer(layer, hidden, mask, slots, own, heard)
            logits: Tensor = self._whisper.proj_out(decoder.layer_norm(hidden[:, -1]))
            return logits

        return self._run("read", decode, tokens, places, additive(mask, cache)).float()

    @property
    def _layers(self) -> list[WhisperDecoderLayer]:
        return list(self._whisper.model.decoder.layers)

    def _run(self, name: str, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        return function(*inputs) if self._graphs is None else self._graphs.run(name, function, *inputs)


def _layer(  # noqa: PLR0917
    layer: WhisperDecoderLayer, hidden: Tensor, mask: Tensor, slots: Tensor, own: Tensor, heard: Tensor
) -> Tensor:
    attention, normed = layer.self_attn, layer.self_attn_layer_norm(hidden)
    query, key, value = (
        _by_head(attention, projection(normed)) for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    hidden = hidden + _attended(attention, query, *cached(key, value, own, slots), mask)
    attention, normed = layer.encoder_attn, layer.encoder_attn_layer_norm(hidden)
    keys, values = heard
    hidden = hidden + _attended(attention, _by_head(attention, attention.q_proj(normed)), keys, values, None)
    return hidden + cast("Tensor", layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(hidden)))))


def _attended(attention: WhisperAttention, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """The scale goes to the kernel: a power of two for all Whispers, so that it rounds nothing wherever it stands."""
    seen = functional.scaled_dot_product_attention(query, keys, values, attn_mask=mask, scale=attention.scaling)
    return cast("Tensor", attention.out_proj(seen.transpose(1, 2).flatten(2)))


def _by_head(attention: nn.Module, states: Tensor) -> Tensor:
    return states.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2)  # type: ignore[no-any-return, no-untyped-call]
