"""A speech LLM: sounds and a question in, the kept logits of the answer out."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from core.errors import ModelError
from core.ltu_as.config import DtypeName
from core.ltu_as.decode import Decoding, write
from core.ltu_as.prefix import padded
from core.ltu_as.steps import StepLogits
from core.ltu_as.verbalizer import Verbalizer
from core.model import SAMPLE_RATE_HZ
from core.speech_llm.families.family import AudioInputs, Family
from core.speech_llm.folder import check_folder
from core.speech_llm.loading import load_network, load_parts, stored_dtype
from core.speech_llm.prefix import Prefix
from core.speech_llm.prompt import Prompts

WINDOW_S = 30.0
"""Longest stretch of sound that is heard: what every family takes at once."""

_SHORTEST = SAMPLE_RATE_HZ // 10
"""Samples that a shorter sound is filled up to with zeros, so that it makes at least one audio token."""
_FULL_SCALE = 32_768
_GREEDY = Decoding()


class SpeechLLM:
    """A model of transformers that hears, with what its family differs in.

    Args:
        network: The model.
        family: Which it is.
        prompts: How it is asked.
        extractor: Makes features of sounds.

    Raises:
        ModelError: The tokenizer cannot spell an emotion, or knows pieces that the model does not.
    """

    def __init__(self, network: PreTrainedModel, family: Family, prompts: Prompts, extractor: Any) -> None:
        self.network, self.family = network, family
        self.prompts, self._extractor = prompts, extractor
        self._text_config = network.config.get_text_config(decoder=True)
        last, known = self.verbalizer.piece_ids[-1], self._text_config.vocab_size
        if last >= known:
            msg = f"the tokenizer has a piece {last}, the model knows {known}"
            raise ModelError(msg, hint="does the tokenizer belong to this model?")

    @classmethod
    def from_folder(cls, folder: Path, *, device: str = "cpu", dtype: DtypeName | None = None) -> Self:
        """Loads a folder in the layout of Hugging Face.

        Args:
            folder: Holds config.json, weights as safetensors, the tokenizer's and the feature extractor's files.
            device: Where to put it.
            dtype: Precision; None: as it was meant on a GPU, float32 on a CPU.

        Raises:
            ModelError: It is no speech LLM that we know, or a file is missing, damaged or does not fit.
        """
        family, config = check_folder(folder)
        if dtype is None:
            dtype = "float32" if device == "cpu" else stored_dtype(config)
        tokenizer, extractor = load_parts(folder, family)
        prompts = Prompts(folder, family, tokenizer)
        return cls(load_network(folder, family, config, device=device, dtype=dtype), family, prompts, extractor)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.network.device

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights."""
        return self.network.dtype

    @property
    def hidden_size(self) -> int:
        """Width of the language model."""
        size: int = self._text_config.hidden_size
        return size

    @cached_property
    def verbalizer(self) -> Verbalizer:
        """The table from emotions to this tokenizer's pieces, as they are where an answer begins and inside one."""
        return Verbalizer.from_tokenizer(self.prompts.spelling)

    @torch.inference_mode()
    def answer(
        self,
        waveforms: Sequence[NDArray[np.int16]] | None,
        *,
        transcripts: Sequence[str | None],
        prompt: str = "single",
        decoding: Decoding = _GREEDY,
    ) -> list[StepLogits]:
        """Raw logits of the emotion words' pieces at each token of the answer, and of the answers the prompt offers.

        A batch gives each utterance what it gives alone, but for how sums are rounded. Of a sound the first 30 s are
        heard; `feature_mean` is what the language model gets of it.

        Args:
            waveforms: 16 kHz mono; None to ask about the transcripts only.
            transcripts: What is said in each; None or white space counts as none.
            prompt: A name in PROMPTS, or a question.
            decoding: How the answer is written; `max_new_tokens=1` does for read-outs of the answer position.

        Raises:
            ModelError: Sound, prompt and transcript are longer than the model's context.
        """
        if waveforms is not None and len(waveforms) > 1 and not self.family.together:
            alone = zip(waveforms, transcripts, strict=True)
            return [
                self.answer([sound], transcripts=[said], prompt=prompt, decoding=decoding)[0] for sound, said in alone
            ]
        started = time.perf_counter()
        audio = AudioInputs({}, ()) if waveforms is None else self._heard(waveforms)
        features_ms, started = self._elapsed_ms(started), time.perf_counter()
        counts = [None] * len(transcripts) if waveforms is None else audio.tokens
        rows = [self.prompts.ids(prompt, said, n) for said, n in zip(transcripts, counts, strict=True)]
        ids, keep = padded(rows, rows[0][0], device=self.device)  # every prompt begins alike: a penalty sees no new id
        answers = tuple(self.verbalizer.answers(prompt).values())
        fitting = self._fitting(decoding, ids.shape[1], max(map(len, answers)))
        prefix = Prefix(
            self.network,
            ids,
            keep,
            audio.inputs,
            audio_id=self.prompts.audio_id,
            answers=answers,
            room=fitting.max_new_tokens,
        )
        pieces = torch.tensor(self.verbalizer.piece_ids, device=self.device)
        steps = [
            (s.logits[:, pieces], s.logits.logsumexp(-1), s.logits.amin(-1), s.tokens)
            for s in write(ids, prefix.logits, prefix.append, fitting, eos_ids=self.eos_ids)
        ]
        logits, log_normalizer, minimum, tokens = (torch.stack(one, dim=1).cpu() for one in zip(*steps, strict=True))
        answer_logprobs = [logprobs.cpu() for logprobs in prefix.answer_logprobs]
        heard = None if prefix.heard is None else prefix.heard.cpu().numpy()
        llm_ms = self._elapsed_ms(started)
        made = []
        for row, said in enumerate(transcripts):
            written = tuple(takewhile(lambda token: token not in self.eos_ids, tokens[row].tolist()))
            n = max(len(written), 1)
            made.append(
                StepLogits(
                    piece_ids=np.array(self.verbalizer.piece_ids),
                    logits=logits[row, :n].numpy(),
                    log_normalizer=log_normalizer[row, :n].numpy(),
                    minimum=minimum[row, :n].numpy(),
                    tokens=np.array(written, dtype=np.int64),
                    token_pieces=self.prompts.spelling.spellings(written),
                    text=self.prompts.spelling.decode(written),
                    answer_logprobs=tuple(logprobs[row].numpy() for logprobs in answer_logprobs),
                    prompt=prompt,
                    verbalizer=self.verbalizer,
                    feature_mean=None if heard is None else heard[row],
                    decoding=asdict(decoding),
                    transcript=said,
                    truncated_s=0.0 if waveforms is None else truncated_s(waveforms[row]),
                    features_ms=features_ms / len(transcripts),
                    llm_ms=llm_ms / len(transcripts),
                )
            )
        return made

    @cached_property
    def eos_ids(self) -> tuple[int, ...]:
        """Tokens of which each ends an answer: the tokenizer's own, and what generation_config.json adds."""
        told = getattr(self.network.generation_config, "eos_token_id", None)
        ids = [told] if isinstance(told, int) else told or []
        # Of a model that also talks, some are no special tokens: they end what it says in a vocabulary of sounds.
        special = [one for one in ids if one in self.prompts.tokenizer.added_tokens_decoder]
        return tuple(dict.fromkeys([*special, *self.prompts.eos_ids]))

    def inputs(
        self, waveforms: Sequence[NDArray[np.int16]], *, transcripts: Sequence[str | None], prompt: str
    ) -> dict[str, Tensor]:
        """What the model's own `forward` and `generate` take to be asked the same, padded on the left."""
        audio = self._heard(waveforms)
        rows = [self.prompts.ids(prompt, said, n) for said, n in zip(transcripts, audio.tokens, strict=True)]
        ids, keep = padded(rows, rows[0][0], device=self.device)
        return {"input_ids": ids, "attention_mask": keep.long(), **audio.inputs}

    def _heard(self, waveforms: Sequence[NDArray[np.int16]]) -> AudioInputs:
        """Features of sounds, on the device."""
        longest = round(WINDOW_S * SAMPLE_RATE_HZ)
        sounds = [one[:longest].astype(np.float32) / np.float32(_FULL_SCALE) for one in waveforms]
        made = self.family.hear(self._extractor, [np.pad(one, (0, max(0, _SHORTEST - len(one)))) for one in sounds])
        inputs = {
            name: tensor.to(self.device, self.dtype if tensor.is_floating_point() else None)
            for name, tensor in made.inputs.items()
        }
        return AudioInputs(inputs, made.tokens)

    def _fitting(self, decoding: Decoding, length: int, answer: int) -> Decoding:
        """The decoding with no more new tokens than the context has room for."""
        limit = getattr(self._text_config, "max_position_embeddings", None) or length + decoding.max_new_tokens
        if length + answer > limit:
            msg = f"sound, prompt and transcript take {length} tokens; the model reads at most {limit}"
            raise ModelError(msg, hint="give a shorter transcript, or none")
        return replace(decoding, max_new_tokens=min(decoding.max_new_tokens, limit - length))

    def _elapsed_ms(self, started: float) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return (time.perf_counter() - started) * 1000


def truncated_s(waveform: NDArray[np.int16]) -> float:
    """Sound beyond the window, in seconds."""
    return max(0.0, len(waveform) / SAMPLE_RATE_HZ - WINDOW_S)
