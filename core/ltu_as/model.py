"""LTU-AS (Gong et al. 2023): a language model that hears, as one torch module."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import LlamaConfig as HfLlamaConfig
from transformers import LlamaForCausalLM

from core.errors import ModelError
from core.ltu_as.checkpoint import load_into, save_weights
from core.ltu_as.config import CONFIG_NAME, DtypeName, LTUASConfig
from core.ltu_as.decode import Decoding, Generated, write
from core.ltu_as.features import (
    GRAPHED_BATCH,
    EncodedSounds,
    WhisperFeatures,
    encode_together,
    means_over_sound,
    windows_of,
)
from core.ltu_as.folder import model_folder
from core.ltu_as.graphs import Graphs
from core.ltu_as.lora import add_lora, merge_lora
from core.ltu_as.passes import Buckets, GraphedPasses, Passes
from core.ltu_as.prefix import Prefix, causal_mask, padded, positions
from core.ltu_as.prompt import DRAFTS, render
from core.ltu_as.quantization import Quantization, check_quantization, quantize
from core.ltu_as.steps import StepLogits
from core.ltu_as.tltr import TLTR
from core.ltu_as.tokenizer import TOKENIZER_NAME, Tokenizer
from core.ltu_as.verbalizer import Verbalizer
from core.ltu_as.verification import write_verified
from core.ltu_as.wordings import prompt_of
from core.model import SAMPLE_RATE_HZ

Waveform = NDArray[np.int16] | NDArray[np.float32]
"""16 kHz mono sound, one-dimensional, at least 201 samples."""

_GREEDY = Decoding()
_SILENCE = np.zeros(SAMPLE_RATE_HZ, np.int16)


class LTUAS(nn.Module):
    """Whisper encoder features -> TLTR -> projection -> audio tokens in front of the prompt -> LLaMA.

    Built from a configuration alone, it has random weights (also on torch's meta device) and can be trained; only the
    Whisper encoder's positional table never takes a gradient. The language model may be half precision; TLTR, the
    projection and LoRA adapters always compute in float32.

    Args:
        config: All sizes.
        tokenizer: Needed by the methods that take text.
    """

    def __init__(self, config: LTUASConfig, tokenizer: Tokenizer | None = None) -> None:
        super().__init__()
        self.config = config
        self._tokenizer = tokenizer
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
        self._drafts: dict[str, tuple[int, ...]] = {}

    @classmethod
    def from_pretrained(
        cls,
        folder: Path | str,
        *,
        device: str = "cpu",
        dtype: DtypeName = "float32",
        merge: bool = True,
        quantization: Quantization | None = None,
    ) -> Self:
        """Loads a model folder.

        Args:
            folder: `ltu-as-mini`, which is shipped, or a folder that holds config.json, model.safetensors (or shards
                with an index) and tokenizer.json.
            device: Where to put it.
            dtype: Precision of the language model; see `LTUASConfig.dtypes` for the rest.
            merge: Merge LoRA into the weights.
            quantization: See `quantize`; then only what is quantised is ever on a GPU.

        Raises:
            UsageError: There is no such folder, or the device cannot do with such weights.
            ModelError: A file is missing or damaged, or a tensor is missing, unexpected, mis-shaped or not finite.
        """
        folder = model_folder(folder)
        config = LTUASConfig.from_json(folder / CONFIG_NAME)
        tokenizer = Tokenizer.from_file(folder / TOKENIZER_NAME)
        if tokenizer.vocab_size > config.llama.vocab_size:
            msg = f"{folder / TOKENIZER_NAME}: {tokenizer.vocab_size} pieces, the model knows {config.llama.vocab_size}"
            raise ModelError(msg, hint="does tokenizer.json belong to this model?")
        with torch.device("meta"):
            model = cls(config, tokenizer)
        first = "cpu" if quantization else device  # a card that needs it has no room for the whole matrices
        load_into(model, folder, device=first, dtype_of=config.dtypes(device=device, llama=dtype))
        rotary = model.llama.model.rotary_emb  # computed, not stored: on the meta device that came to nothing
        model.llama.model.rotary_emb = type(rotary)(rotary.config).to(first)
        if merge:
            model.merge_lora()
        if quantization:
            model.quantize(quantization, device)
        return model.eval()

    def save_pretrained(self, folder: Path) -> None:
        """Writes a model folder: config.json, model.safetensors and tokenizer.json."""
        folder.mkdir(parents=True, exist_ok=True)
        save_weights(self.state_dict(), folder)
        self.tokenizer.save(folder / TOKENIZER_NAME)
        self.config.to_json(folder / CONFIG_NAME)

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

    def shapes_of(self, prompt: str, max_batch: int) -> list[tuple[int, str | None]]:
        """Batches and transcripts with which a prompt comes in every shape of `use_graphs`; the plain one always."""
        if self._graphed is None:
            return [(1, None)]
        plain, one, two = (len(self.tokenizer.encode(render(prompt, said))) for said in (None, "so", "so so"))
        with_it = self.config.audio.tokens + sum(len(ids) - 1 for ids in self.verbalizer.answers(prompt).values())
        buckets = self._graphed.buckets
        words = {
            max(0, (length - with_it - one) // (two - one)) for length in buckets.lengths if length >= with_it + plain
        }
        said = [None, *(" ".join(["so"] * (n + 1)) for n in sorted(words))]
        batches = [size for size in buckets.batches if size < max_batch]
        batches.append(next((size for size in buckets.batches if size >= max_batch), batches[-1] if batches else 1))
        return [(batch, each) for batch in dict.fromkeys(reversed(batches)) for each in reversed(said)]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return cast("nn.Linear", self.audio_proj[1]).weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the language model."""
        return cast("torch.dtype", self.llama.lm_head.weight.dtype)

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the model folder.

        Raises:
            RuntimeError: The model was built without one.
        """
        if self._tokenizer is None:
            msg = "this LTUAS was built without a tokenizer"
            raise RuntimeError(msg)
        return self._tokenizer

    @cached_property
    def verbalizer(self) -> Verbalizer:
        """The table from emotions to this tokenizer's pieces."""
        return Verbalizer.from_tokenizer(self.tokenizer)

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

    @torch.inference_mode()
    def generate(
        self,
        prompt_ids: Sequence[Sequence[int]],
        features: Tensor | None = None,
        decoding: Decoding = _GREEDY,
        *,
        audio_keep: Tensor | None = None,
    ) -> list[Generated]:
        """Writes the answer to each prompt (ids, BOS first), hearing features [B, layers, T, d_model] or nothing.

        `audio_keep`, boolean [B, T], is false where the features are padded.

        Raises:
            ModelError: A prompt is longer than the model's context.
        """
        ids, keep = self._padded(prompt_ids)
        audio_embeddings = None if features is None else self.audio_embeddings(features, audio_keep)
        prefix, decoding = self._prefix(*self.splice(ids, keep, audio_embeddings, audio_keep), (), (), decoding)
        steps = write(ids, prefix.logits, prefix.append, decoding, eos_ids=(self.tokenizer.eos_id,))
        logits, scores, tokens = _columns([(step.logits, step.scores, step.tokens) for step in steps])
        return [
            Generated(tokens=written, logits=logits[row, :n], scores=scores[row, :n])
            for row, (written, n) in enumerate(self._answers(tokens))
        ]

    @torch.inference_mode()
    def hear(self, waveforms: Sequence[Waveform]) -> EncodedSounds:
        """What the encoder makes of sounds, for `answer`.

        Raises:
            AudioError: A sound has fewer than 201 samples.
        """
        started, window_s = time.perf_counter(), self.config.audio.window_s
        features = self.features(waveforms)
        return EncodedSounds(
            features=features,
            keep=self.audio_keep(waveforms),
            means=means_over_sound(features, [len(waveform) for waveform in waveforms], self.config.audio),
            truncated_s=[max(0.0, len(waveform) / SAMPLE_RATE_HZ - window_s) for waveform in waveforms],
            ms=self._elapsed_ms(started),
        )

    def step_logits(
        self,
        waveform: Waveform | None,
        *,
        transcript: str | None = None,
        prompt: str = "single",
        decoding: Decoding = _GREEDY,
    ) -> StepLogits:
        """`step_logits_batch` of one sound."""
        return self.step_logits_batch([waveform], transcripts=[transcript], prompt=prompt, decoding=decoding)[0]

    def step_logits_batch(
        self,
        waveforms: Sequence[Waveform | None],
        *,
        transcripts: Sequence[str | None] | None = None,
        prompt: str = "single",
        decoding: Decoding = _GREEDY,
    ) -> list[StepLogits]:
        """`answer` of what is heard in each sound; None for all asks about the transcripts only.

        Raises:
            AudioError: A sound has fewer than 201 samples.
            ModelError: Prompt and transcript are longer than the model's context.
            ValueError: Sounds and None mixed.
        """
        transcripts = list(transcripts or [None] * len(waveforms))
        sounds = [waveform for waveform in waveforms if waveform is not None]
        if sounds and len(sounds) != len(waveforms):
            msg = "a batch has a sound in every row or in none"
            raise ValueError(msg)
        heard = self.hear(sounds) if sounds else None
        return self.answer(heard, transcripts=transcripts, prompt=prompt, decoding=decoding)

    def answer(
        self,
        heard: EncodedSounds | None,
        *,
        transcripts: Sequence[str | None],
        prompt: str = "single",
        decoding: Decoding = _GREEDY,
        verified: bool = False,
    ) -> list[StepLogits]:
        """`answer_each` to one prompt."""
        asked = self.answer_each(heard, transcripts=transcripts, prompts=[prompt], decoding=decoding, verified=verified)
        return [steps for (steps,) in asked]

    @torch.inference_mode()
    def answer_each(
        self,
        heard: EncodedSounds | None,
        *,
        transcripts: Sequence[str | None],
        prompts: Sequence[str],
        decoding: Decoding = _GREEDY,
        verified: bool = False,
    ) -> list[tuple[StepLogits, ...]]:
        """Of each sound the raw logits at each token of its answers, and of the answers that a prompt offers.

        Logits are those of the emotion words' pieces. A batch, of all sounds and prompts, gives each what it gives
        alone.

        Args:
            heard: The sounds; None to ask about the transcripts only.
            transcripts: What is said in each; None or white space counts as none.
            prompts: Each a name in PROMPTS or a question; several are members of one ensemble.
            decoding: How the answer is written; `max_new_tokens=1` does for read-outs of the answer position.
            verified: Whether a greedy answer is written as far as it goes at once, by checking `draft_of` the prompt.

        Raises:
            ModelError: Prompt and transcript are longer than the model's context.
            ValueError: The prompts offer different words.
        """
        started, first = time.perf_counter(), prompts[0]
        answers = tuple(self.verbalizer.answers(first).values())
        if any(prompt_of(prompt) != prompt_of(first) for prompt in prompts):
            msg = f"prompts that are asked together are ways to ask one: {', '.join(prompts)}"
            raise ValueError(msg)
        verified = verified and decoding.max_new_tokens > 1 and not decoding.do_sample
        draft = self.draft_of(first)[: decoding.max_new_tokens - 1] if verified else ()
        audio_embeddings = audio_keep = None
        if heard is not None:
            audio_embeddings = self._heard_embeddings(heard).repeat_interleave(len(prompts), dim=0)
            audio_keep = heard.keep.repeat_interleave(len(prompts), dim=0)
        audio_ms, started = self._elapsed_ms(started), time.perf_counter()
        rows = [(row, prompt) for row in range(len(transcripts)) for prompt in prompts]
        ids, keep = self._padded([self.tokenizer.encode(render(prompt, transcripts[row])) for row, prompt in rows])
        spliced = self.splice(ids, keep, audio_embeddings, audio_keep)
        prefix, fitting = self._prefix(*spliced, answers, draft, decoding)
        pieces = torch.tensor(self.verbalizer.piece_ids, device=self.device)
        eos_id = self.tokenizer.eos_id
        steps = (
            write_verified(ids, prefix, fitting, eos_id=eos_id)
            if verified
            else write(ids, prefix.logits, prefix.append, fitting, eos_ids=(eos_id,))
        )
        logits, log_normalizer, minimum, tokens = _columns(
            [(s.logits[:, pieces], s.logits.logsumexp(-1), s.logits.amin(-1), s.tokens) for s in steps]
        )
        answer_logprobs = [logprobs.cpu() for logprobs in prefix.answer_logprobs]
        llm_ms = self._elapsed_ms(started)
        features_ms = audio_ms + (heard.ms if heard else 0.0)

        found = [
            StepLogits(
                piece_ids=np.array(self.verbalizer.piece_ids),
                logits=logits[n, :length].numpy(),
                log_normalizer=log_normalizer[n, :length].numpy(),
                minimum=minimum[n, :length].numpy(),
                tokens=np.array(written, dtype=np.int64),
                token_pieces=self.tokenizer.spellings(written),
                text=self.tokenizer.decode(written),
                answer_logprobs=tuple(logprobs[n].numpy() for logprobs in answer_logprobs),
                prompt=prompt,
                verbalizer=self.verbalizer,
                feature_mean=heard.means[row].mean(0).numpy() if heard else None,
                decoding=asdict(decoding) | ({"verified": True} if verified else {}),
                transcript=transcripts[row],
                truncated_s=heard.truncated_s[row] if heard else 0.0,
                features_ms=features_ms / len(rows),
                llm_ms=llm_ms / len(rows),
            )
            for n, ((row, prompt), (written, length)) in enumerate(zip(rows, self._answers(tokens), strict=True))
        ]
        return [tuple(found[n : n + len(prompts)]) for n in range(0, len(found), len(prompts))]

    def draft_of(self, prompt: str) -> tuple[int, ...]:
        """What answers to a prompt may look like, for `answer` to check.

        There is one for each of PROMPTS; to a question of the user's own, what is answered to silence is taken for one.
        """
        if prompt not in self._drafts:
            if prompt_of(prompt) in DRAFTS:
                self._drafts[prompt] = self.tokenizer.pieces(DRAFTS[prompt_of(prompt)], "bare")
            else:
                (answer,) = self.answer(self.hear([_SILENCE]), transcripts=[None], prompt=prompt)
                self._drafts[prompt] = tuple(answer.tokens.tolist())
        return self._drafts[prompt]

    def _heard_embeddings(self, heard: EncodedSounds) -> Tensor:
        """Audio tokens, to be used at once."""
        graphs = self._window_graphs if len(heard.features) <= GRAPHED_BATCH else None
        if graphs is None:
            return self.audio_embeddings(heard.features, heard.keep)
        return graphs.run("audio", self.audio_embeddings, heard.features)  # a fixed window has no pads

    def _padded(self, prompt_ids: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        """Padded with BOS: a penalty then sees no id that is not in the prompt."""
        return padded(prompt_ids, self.tokenizer.bos_id, device=self.device)

    def _prefix(
        self,
        embeds: Tensor,
        keep: Tensor,
        answers: Sequence[Sequence[int]],
        draft: Sequence[int],
        decoding: Decoding,
    ) -> tuple[Prefix, Decoding]:
        """Reads audio and prompt; the decoding with no more new tokens than fit behind them."""
        (batch, length, _), limit = embeds.shape, self.config.llama.max_position_embeddings
        if length + max(map(len, answers), default=1) > limit:
            msg = f"audio, prompt and transcript take {length} tokens; {self.config.name} reads at most {limit}"
            raise ModelError(msg, hint="give a shorter transcript, or none")
        fitting = replace(decoding, max_new_tokens=min(decoding.max_new_tokens, limit - length))
        room = fitting.max_new_tokens - 1  # nobody asks what follows the last token
        draft = draft[:room]
        whole = length + len(draft) + sum(len(answer) - 1 for answer in answers)
        graphed = self._graphed is not None and self._graphed.buckets.fit(batch, whole, room)
        passes = self._graphed if self._graphed is not None and graphed else self._passes
        return Prefix(passes, embeds, keep, answers, draft, room=room), fitting

    def _answers(self, tokens: Tensor) -> list[tuple[tuple[int, ...], int]]:
        """Of each row [B, J] the ids up to the end of the answer, and how many steps count (at least one)."""
        eos_id = self.tokenizer.eos_id
        answers = [tuple(takewhile(lambda token: token != eos_id, row)) for row in tokens.tolist()]
        return [(answer, max(len(answer), 1)) for answer in answers]

    def _elapsed_ms(self, started: float) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return (time.perf_counter() - started) * 1000

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


def _columns(steps: list[tuple[Tensor, ...]]) -> list[Tensor]:
    """Joins what was kept of each step along a new second dimension, on the CPU."""
    return [torch.stack(column, dim=1).cpu() for column in zip(*steps, strict=True)]
