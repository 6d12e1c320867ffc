"""The network of LTU-AS (Gong et al. 2023) as one torch module: tensors in, tensors out."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import LlamaConfig as HfLlamaConfig
from transformers import LlamaForCausalLM

from core.ltu_as.config import LTUASConfig
from core.ltu_as.features import WhisperFeatures, encode_together, windows_of
from core.ltu_as.graphs import Graphs
from core.ltu_as.lora import add_lora, merge_lora
from core.ltu_as.passes import Buckets, GraphedPasses, Passes
from core.ltu_as.prefix import causal_mask, positions
from core.ltu_as.quantization import Quantization, check_quantization, quantize
from core.ltu_as.tltr import TLTR

Waveform = NDArray[np.int16] | NDArray[np.float32]
"""16 kHz mono sound, one-dimensional, at least 201 samples."""


class Network(nn.Module):
    """Whisper encoder features -> TLTR -> projection -> audio tokens in front of the prompt -> LLaMA.

    Built from a configuration alone, it has random weights (also on torch's meta device) and can be trained; only the
    Whisper encoder's positional table never takes a gradient. The language model may be half precision; TLTR, the
    projection and LoRA adapters always compute in float32.

    Args:
        config: All sizes.
    """

    def __init__(self, config: LTUASConfig) -> None:
        super().__init__()
        self.config = config
        dim, llama = config.whisper.d_model, config.llama
        self.whisper = WhisperFeatures(config.whisper, config.audio)
        self.audio_encoder = TLTR(config.tltr, layers=config.feature_layers, dim=dim)
        self.audio_proj = nn.Sequential(
            nn.LayerNorm(config.joined_dim, elementwise_affine=False), nn.Linear(config.joined_dim, llama.hidden_size)
        )
        self.llama = LlamaForCausalLM(
            HfLlamaConfig(
                vocab_size=llama.vocab_size,
                hidden_size=llama.hidden_size,
                intermediate_size=llama.intermediate_size,
                num_hidden_layers=llama.num_hidden_layers,
                num_attention_heads=llama.num_attention_heads,
                rms_norm_eps=llama.rms_norm_eps,
                rope_parameters={"rope_type": "default", "rope_theta": llama.rope_theta},
                max_position_embeddings=llama.max_position_embeddings,
                attn_implementation="sdpa",  # type: ignore[call-arg]
            )
        )
        if config.lora is not None:
            add_lora(self.llama, config.lora)
        self._passes = Passes(self.llama)
        self._graphs: Graphs | None = None
        self._graphed: GraphedPasses | None = None

    def merge_lora(self) -> None:
        """Merges the adapters into the weights; `config` then says so."""
        merge_lora(self.llama)
        self.config = self.config.merged()

    def quantize(self, kind: Quantization, device: str) -> None:
        """Moves the model to the device and quantises the language model's layers there; its head stays as it is.

        Raises:
            UsageError: torchao is not installed, or the GPU is too old.
            ModelError: The layers are of a size that cannot be quantised.
            ValueError: The adapters are not merged.
        """
        if self.config.lora is not None:
            msg = "adapters have to be merged before the weights are quantised"
            raise ValueError(msg)
        check_quantization(kind, device)
        quantize(self.llama.model.layers, kind, device)
        self.to(device)

    def use_graphs(self, buckets: Buckets | None = None) -> None:
        """From now on reads in fixed shapes, on a GPU as CUDA graphs; what fits no shape is read as before.

        The weights must stay where and what they are: call it last. On a CPU it shows that the shapes are right, and
        costs time.

        Raises:
            ValueError: The adapters are not merged.
        """
        if self.config.lora is not None:
            msg = "adapters have to be merged before graphs are used"
            raise ValueError(msg)
        self._graphs = Graphs()
        self._graphed = GraphedPasses(self.llama, buckets or Buckets())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return cast("nn.Linear", self.audio_proj[1]).weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the language model."""
        return cast("torch.dtype", self.llama.lm_head.weight.dtype)

    @torch.no_grad()
    def features(self, waveforms: Sequence[Waveform]) -> Tensor:
        """Encoder features of sounds of any length: float32 [B, layers, T, d_model]; the first `window_s` count.

        In a window as long as the utterance, T is that of the longest; what is missing of the others is zeros before
        them (see `audio_keep`), which the encoder never sees.

        Raises:
            AudioError: A sound has fewer than 201 samples.
        """
        whisper, audio = self.config.whisper, self.config.audio
        parts = [windows_of(waveform, audio, whisper.n_mels) for waveform in waveforms]
        return encode_together(self.whisper, parts, self._pooled_dtype, self._window_graphs)

    @property
    def _window_graphs(self) -> Graphs | None:
        """Graphs of what comes before the language model; windows as long as the utterance have too many shapes."""
        return self._graphs if self.config.audio.window == "fixed" else None

    def audio_keep(self, waveforms: Sequence[Waveform]) -> Tensor:
        """Boolean [B, T]: false where `features` of these sounds holds no sound."""
        tokens = torch.tensor([self.config.audio.tokens_of(len(waveform)) for waveform in waveforms])
        return (torch.arange(int(tokens.max())).flip(0) < tokens[:, None]).to(self.device)

    @property
    def _pooled_dtype(self) -> torch.dtype:
        # A float32 encoder in front of a half precision model rounds before pooling: the original's "old GPU" variant.
        half = torch.float16 in {self.whisper.conv1.weight.dtype, self.dtype}
        return torch.float16 if half else torch.float32

    def tltr(self, features: Tensor, keep: Tensor | None = None) -> Tensor:
        """[B, layers, T, d_model] -> [B, T, d_model]; see `audio_embeddings` for `keep`."""
        return cast("Tensor", self.audio_encoder(features.float(), keep))

    def audio_embeddings(self, features: Tensor, keep: Tensor | None = None) -> Tensor:
        """Audio tokens [B, T, hidden_size] of features [B, layers, T, d_model].

        Args:
            features: Those of shorter sounds are padded before their beginning.
            keep: Boolean [B, T], false at pads, whose audio tokens mean nothing; None means no pads.

        Raises:
            ValueError: The features are of another shape than this model's.
        """
        whisper, audio = self.config.whisper, self.config.audio
        tokens = audio.tokens if audio.window == "fixed" else min(features.shape[2], audio.tokens)
        expected = (self.config.feature_layers, tokens, whisper.d_model)
        if features.shape[1:] != expected:
            msg = f"features of shape [B, {', '.join(map(str, expected))}] expected, not {list(features.shape)}"
            raise ValueError(msg)
        return cast("Tensor", self.audio_proj(self.tltr(features, keep)))

    def forward(
        self,
        input_ids: Tensor,
        features: Tensor | None = None,
        *,
        audio_embeddings: Tensor | None = None,
        audio_keep: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
    ) -> Tensor:
        """Logits [B, N, vocab_size] at the text positions.

        The audio tokens stand before the text, BOS included, and attention is causal over all of it. Without features
        and audio embeddings the model only reads.

        Args:
            input_ids: [B, N]; shorter rows are padded on the left with any id.
            features: [B, layers, T, d_model].
            audio_embeddings: [B, T, hidden_size], instead of features.
            audio_keep: Boolean [B, T], false at pads before the audio; None means no pads.
            attention_mask: [B, N], 0 at pads; None means no pads. Logits at pads mean nothing.
            position_ids: [B, T + N]; by default pads take up no position, so that a padded row equals a lone one.
        """
        if audio_embeddings is None and features is not None:
            audio_embeddings = self.audio_embeddings(features, audio_keep)
        text_keep = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        embeds, keep = self.splice(input_ids, text_keep.bool(), audio_embeddings, audio_keep)
        mask = None
        if not bool(keep.all()):
            mask = causal_mask(keep)
            position_ids = positions(keep) if position_ids is None else position_ids
        hidden = self.llama.model(
            inputs_embeds=embeds, attention_mask=mask, position_ids=position_ids, use_cache=False
        ).last_hidden_state
        return cast("Tensor", self.llama.lm_head(hidden[:, -input_ids.shape[1] :]))

    def splice(
        self, input_ids: Tensor, text_keep: Tensor, audio_embeddings: Tensor | None, audio_keep: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Input embeddings [B, T + N, hidden_size] of audio (if any) and text, and their mask [B, T + N]."""
        text = self.llama.model.embed_tokens(input_ids)
        if audio_embeddings is None:
            return text, text_keep
        if audio_keep is None:
            audio_keep = text_keep.new_ones(audio_embeddings.shape[:2])
        embeds = torch.cat([audio_embeddings.to(text.dtype), text], dim=1)
        return embeds, torch.cat([audio_keep, text_keep], dim=1)
