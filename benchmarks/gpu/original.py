"""The original program's steps in plain PyTorch, as slow as it takes them, on the weights that ours runs on.

After YuanGongND/ltu: Whisper's weights stay float32 and are cast at every call; all encoder layers go to the host and
are averaged there; the transcript's language costs an encoder pass of its own; adapters are not merged; the prompt's
logits are all made; every token is drawn after four processors. What it does not have are accelerate's hooks and the
hops between two GPUs, so that the original is rather slower than this.
"""

import copy
from types import MethodType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import DynamicCache, EncoderDecoderCache, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperPositionalEmbedding

from benchmarks.gpu.shapes import RATE_HZ, SAID, Ears
from core.ltu_as.decode import Decoding, processors_of
from core.ltu_as.features import log_mel, pad_or_trim
from core.ltu_as.model import LTUAS
from core.ltu_as.prompt import render


class Original:
    """Answers one utterance at a time.

    Args:
        model: LTU-AS with adapters that are not merged.
        whisper: The transcriber in float32; from now on it casts its weights at every call.
        dictated: Tokens that it writes.
    """

    def __init__(self, model: LTUAS, whisper: Any, dictated: int) -> None:
        self._model, self._whisper, self._dictated = model, whisper, dictated
        self._device = model.device
        self._dtype = model.dtype
        self._features = copy.deepcopy(model.whisper).float()
        for network in (self._features, whisper.model):
            _cast_at_every_call(network, self._dtype)
        self._ears = Ears(whisper, dictated=dictated, graphs=False)

    @torch.inference_mode()
    def answer(self, sound: NDArray[np.int16], prompt: str, tokens: int) -> list[Tensor]:
        """The scores of so many tokens, as the authors' scripts keep them."""
        text = self._transcript(sound)
        features = self._heard(sound).to(self._device).to(self._dtype)
        return self._written(features[None], render(prompt, text), tokens)

    def _heard(self, sound: NDArray[np.int16]) -> Tensor:
        """[layers, 25, d_model], averaged on the host."""
        audio = self._model.config.audio
        mel = pad_or_trim(log_mel(sound), audio.mel_frames)[None].to(self._device, self._dtype)
        hidden = nn.functional.gelu(self._features.conv1(mel))
        hidden = nn.functional.gelu(self._features.conv2(hidden)).transpose(1, 2)
        hidden = (hidden + self._features.embed_positions.weight[: hidden.shape[1]]).to(self._dtype)
        every = [hidden]
        for layer in self._features.layers:
            every.append(layer(every[-1], None))
        stacked = torch.stack(every, dim=3)[0].permute(2, 0, 1).cpu().numpy()
        layers, frames, width = stacked.shape
        means = stacked.reshape(layers, frames // audio.pool, audio.pool, width).mean(axis=2)
        return torch.from_numpy(means[1:]).float()

    def _transcript(self, sound: NDArray[np.int16]) -> str:
        extracted = WhisperFeatureExtractor()(sound / np.float32(32_768), sampling_rate=RATE_HZ, return_tensors="pt")
        mel = extracted.input_features.to(self._device, self._dtype)
        start = torch.tensor([[self._whisper.generation_config.decoder_start_token_id]], device=self._device)
        self._read(start, self._whisper.model.encoder(mel).last_hidden_state, None)[0].argmax(-1).item()
        heard = self._whisper.model.encoder(mel).last_hidden_state
        asked = torch.cat([start, start + 1, start + 101], dim=1)
        processors = self._ears.dictation._processors(3, self._device)  # noqa: SLF001
        logits, cache = self._read(asked, heard, None)
        text = asked
        for _ in range(self._dictated - 1):
            token = processors(text, logits.float()).argmax(-1, keepdim=True)
            text = torch.cat([text, token], dim=1)
            logits, cache = self._read(token, heard, cache)
            token.item()  # it looks whether all has been said
        return SAID

    def _read(self, tokens: Tensor, heard: Tensor, cache: Any) -> tuple[Tensor, Any]:
        cache = cache or EncoderDecoderCache(DynamicCache(), DynamicCache())
        decoder = self._whisper.model.decoder
        hidden = decoder(
            input_ids=tokens, encoder_hidden_states=heard, past_key_values=cache, use_cache=True
        ).last_hidden_state
        return hidden[:, -1] @ decoder.embed_tokens.weight.to(hidden.dtype).T, cache

    def _written(self, features: Tensor, prompt: str, tokens: int) -> list[Tensor]:
        model = self._model
        ids = torch.tensor([model.tokenizer.encode(prompt)], device=self._device)
        embeds, _ = model.splice(ids, torch.ones_like(ids).bool(), model.audio_embeddings(features))
        cache, processors, kept = DynamicCache(), processors_of(Decoding.original()), []
        for _ in range(tokens):
            hidden = model.llama.model(inputs_embeds=embeds, past_key_values=cache, use_cache=True).last_hidden_state
            scores = processors(ids, model.llama.lm_head(hidden)[:, -1].float())  # type: ignore[arg-type]
            kept.append(scores)
            token = torch.multinomial(scores.softmax(-1), 1)
            ids = torch.cat([ids, token], dim=1)
            token.item()
            embeds = model.llama.model.embed_tokens(token)
        return kept


def _cast_at_every_call(network: nn.Module, dtype: torch.dtype) -> None:
    def linear(self: nn.Linear, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return nn.functional.linear(x, self.weight.to(x.dtype), bias)

    def convolution(self: nn.Conv1d, x: Tensor) -> Tensor:
        bias = None if self.bias is None else self.bias.to(x.dtype)
        return nn.functional.conv1d(x, self.weight.to(x.dtype), bias, self.stride, self.padding)

    def norm(self: nn.LayerNorm, x: Tensor) -> Tensor:
        return nn.functional.layer_norm(x.float(), self.normalized_shape, self.weight, self.bias, self.eps).to(x.dtype)

    def embedding(self: nn.Embedding, *given: Any, **named: Any) -> Tensor:
        return type(self).forward(self, *given, **named).to(dtype)

    forwards: tuple[tuple[type[nn.Module], Any], ...] = (
        (nn.Linear, linear),
        (nn.Conv1d, convolution),
        (nn.LayerNorm, norm),
        (WhisperPositionalEmbedding, embedding),
        (nn.Embedding, embedding),
    )
    for part in network.modules():
        forward = next((made for kind, made in forwards if isinstance(part, kind)), None)
        if forward is not None:
            part.forward = MethodType(forward, part)


def as_it_was(network: nn.Module) -> None:
    """Takes the casts away again."""
    for part in network.modules():
        part.__dict__.pop("forward", None)
