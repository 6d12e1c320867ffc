"""Whisper's first attempt at half a minute of sound: the likeliest token each time, and whether that will do.

What comes out is what transformers' `generate` makes of the same sound, in a fraction of its steps' time. Where that
would go on (warmer attempts, a second window, words that do not end) nothing comes out, and `generate` is to be asked.
"""

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    WhisperTimeStampLogitsProcessor,
)
from transformers.models.whisper.tokenization_whisper import TO_LANGUAGE_CODE

from core.ltu_as.whisper_passes import WhisperPasses


class Dictation:
    """Greedy transcripts of batches of short sounds.

    Args:
        passes: The Whisper.
        config: Its GenerationConfig, whole.
        language: Spoken, by code or English name; None: detected, from the same encoder pass.
        multilingual: Whether it knows more than one.
        vocabulary: Number of its tokens.
        thresholds: `logprob_threshold` and `compression_ratio_threshold`, as `generate` takes them.
    """

    def __init__(
        self,
        passes: WhisperPasses,
        config: Any,
        *,
        language: str | None,
        multilingual: bool,
        vocabulary: int,
        thresholds: Mapping[str, Any],
    ) -> None:
        self._passes, self._config = passes, config
        self._end: int = config.eos_token_id
        self._first_time: int = config.no_timestamps_token_id + 1
        self._multilingual = multilingual
        languages: Mapping[str, int] = getattr(config, "lang_to_id", None) or {}
        self._languages = sorted(languages.values())
        self._language = languages.get(_token(language)) if language else None
        self._thresholds = thresholds
        self._token_bytes = int(math.log2(vocabulary) / 8) + 1
        forced = [token for _, token in getattr(config, "forced_decoder_ids", None) or []]
        self.able = (
            bool(self._languages) and (not language or self._language is not None)
            if multilingual
            else (not set(forced) - {config.no_timestamps_token_id})
        )
        """Whether this Whisper is asked as those of OpenAI are."""

    def take(self, mel: Tensor) -> tuple[list[list[int] | None], Tensor]:
        """The token ids of each of the spectrograms [B, n_mels, 3000], times included, end excluded; None: not so.

        Beside them what the encoder made of the spectrograms.
        """
        states = self._passes.hear(mel)
        return [self._accepted(ids, likely) for ids, likely in self._written(mel)], states

    def _written(self, mel: Tensor) -> Iterator[tuple[list[int], float]]:
        """Token ids of each row, up to the end or to where no more fit, and the sum of their log-probabilities."""
        asked, logits = self._ask(len(mel), mel.device)
        begin = asked.shape[1]
        processors = self._processors(begin, mel.device)
        text = asked
        likely = torch.zeros(len(mel), device=mel.device)
        ended = torch.zeros(len(mel), dtype=torch.bool, device=mel.device)
        while True:
            scores: Tensor = processors(text, logits)  # type: ignore[arg-type]
            chosen = torch.where(ended, self._end, scores.argmax(-1))
            likely += torch.where(ended, 0.0, scores.log_softmax(-1).gather(-1, chosen[:, None])[:, 0])
            text = torch.cat([text, chosen[:, None]], dim=1)
            ended |= chosen == self._end
            if bool(ended.all()) or text.shape[1] >= self._passes.places:
                break
            logits = self._passes.read(chosen[:, None], text.shape[1] - 1)
        return zip(text[:, begin:].tolist(), likely.tolist(), strict=True)

    def _ask(self, batch: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """The tokens [B, n] that say what is wanted, and the logits after them."""
        start = torch.full((batch, 1), self._config.decoder_start_token_id, device=device)
        if not self._multilingual:
            return start, self._passes.read(start, 0)
        task = torch.full_like(start, self._config.task_to_id["transcribe"])
        if self._language is not None:
            asked = torch.cat([start, torch.full_like(start, self._language), task], dim=1)
            return asked, self._passes.read(asked, 0)
        among = self._passes.read(start, 0)[:, self._languages].argmax(-1)
        spoken = torch.tensor(self._languages, device=device)[among][:, None]
        rest = torch.cat([spoken, task], dim=1)
        return torch.cat([start, rest], dim=1), self._passes.read(rest, 1)

    def _processors(self, begin: int, device: torch.device) -> LogitsProcessorList:
        """Those of `generate`, in its order."""
        config, processors = self._config, LogitsProcessorList()
        if config.begin_suppress_tokens is not None:
            processors.append(SuppressTokensAtBeginLogitsProcessor(config.begin_suppress_tokens, begin, str(device)))
        if config.suppress_tokens is not None:
            processors.append(SuppressTokensLogitsProcessor(config.suppress_tokens, str(device)))
        processors.append(WhisperTimeStampLogitsProcessor(config, begin_index=begin))
        return processors

    def _accepted(self, ids: Sequence[int], likely: float) -> list[int] | None:
        """The words and times, if they end, if `generate` would keep them, and if they reach the end of the sound."""
        if self._end not in ids:
            return None
        n = ids.index(self._end) + 1
        said = list(ids[: n - 1])
        if not likely / n >= self._thresholds["logprob_threshold"]:
            return None
        spelled = b"".join(token.to_bytes(self._token_bytes, "little") for token in ids[:n])
        if len(spelled) / len(zlib.compress(spelled)) > self._thresholds["compression_ratio_threshold"]:
            return None
        times = [token >= self._first_time for token in said]
        pairs = any(one and other for one, other in pairwise(times))
        return said if not pairs or times[-2:] == [False, True] else None


def _token(language: str) -> str:
    """The name of a language's token in `lang_to_id`."""
    language = language.lower()
    return language if language.startswith("<|") else f"<|{TO_LANGUAGE_CODE.get(language, language)}|>"
