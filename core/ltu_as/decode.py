"""How the next token is chosen, and the loop that writes an answer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How an answer is written.

    The repetition penalty looks at the prompt, BOS included, and at what was generated, never at the audio.
    `temperature`, `top_p` and `top_k` (0: no limit) count only when `do_sample`. With a seed every utterance draws from
    a generator of its own, so that a batch gives what its utterances give alone.

    Raises:
        ValueError: A value out of range.
    """

    max_new_tokens: int = 100
    do_sample: bool = False
    temperature: float = 0.1
    top_p: float = 0.95
    top_k: int = 500
    repetition_penalty: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        checks = {
            "max_new_tokens must be at least 1": self.max_new_tokens >= 1,
            "temperature must be positive": self.temperature > 0,
            "top_p must be in (0, 1]": 0 < self.top_p <= 1,
            "top_k must not be negative": self.top_k >= 0,
            "repetition_penalty must be positive": self.repetition_penalty > 0,
        }
        for message, holds in checks.items():
            if not holds:
                raise ValueError(message)

    @classmethod
    def greedy(cls, *, max_new_tokens: int = 100, repetition_penalty: float = 1.0) -> Self:
        """Always the likeliest token."""
        return cls(max_new_tokens=max_new_tokens, repetition_penalty=repetition_penalty)

    @classmethod
    def original(cls, *, max_new_tokens: int = 400, seed: int | None = None) -> Self:
        """What the authors' scripts do (which set no seed)."""
        return cls(max_new_tokens=max_new_tokens, do_sample=True, repetition_penalty=1.1, seed=seed)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Generated:
    """An answer and what its tokens were chosen from.

    Attributes:
        tokens: J ids, without the end token.
        logits: float32 [max(J, 1), V], as the model gave them; token j was chosen from row j.
        scores: The same after penalty and, when sampling, temperature, top-k and top-p.
    """

    tokens: tuple[int, ...]
    logits: Tensor
    scores: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One token of every answer of a batch.

    Attributes:
        logits: float32 [B, V], as the model gave them.
        scores: float32 [B, V], after the penalty and, when sampling, temperature, top-k and top-p.
        tokens: int64 [B], chosen from the scores.
    """

    logits: Tensor
    scores: Tensor
    tokens: Tensor


def write(
    prompt_ids: Tensor,
    logits: Tensor,
    append: Callable[[Tensor], Tensor],
    decoding: Decoding,
    *,
    eos_ids: Sequence[int],
) -> Iterator[Step]:
    """Writes the answers of a batch, token by token, until each has ended or `max_new_tokens` is reached.

    Args:
        prompt_ids: int64 [B, N], padded with an id that occurs in the row (so that the penalty ignores the padding).
        logits: [B, V] after the prompt.
        append: Takes the tokens [B] just chosen, gives the logits [B, V] after them.
        decoding: How tokens are chosen.
        eos_ids: Each of them ends an answer; what a row holds after one means nothing.
    """
    processors = processors_of(decoding)
    generators = _generators(decoding, len(prompt_ids), logits.device)
    ended = torch.zeros(len(prompt_ids), dtype=torch.bool, device=logits.device)
    ids, ends = prompt_ids, torch.tensor(eos_ids, device=logits.device)
    for remaining in reversed(range(decoding.max_new_tokens)):
        logits = logits.float()
        scores = processors(ids, logits)  # type: ignore[arg-type]
        tokens = _sample(scores, generators) if decoding.do_sample else scores.argmax(-1)
        yield Step(logits, scores, tokens)
        ended |= torch.isin(tokens, ends)
        if not remaining or bool(ended.all()):
            return
        ids = torch.cat([ids, tokens[:, None]], dim=1)
        logits = append(tokens)


def processors_of(decoding: Decoding) -> LogitsProcessorList:
    """What makes scores of logits."""
    processors = LogitsProcessorList()
    if decoding.repetition_penalty != 1:
        processors.append(RepetitionPenaltyLogitsProcessor(float(decoding.repetition_penalty)))
    if decoding.do_sample:
        processors.append(TemperatureLogitsWarper(float(decoding.temperature)))
        if decoding.top_k:
            processors.append(TopKLogitsWarper(decoding.top_k))
        processors.append(TopPLogitsWarper(decoding.top_p))
    return processors


def _generators(decoding: Decoding, rows: int, device: torch.device) -> list[torch.Generator | None]:
    if decoding.seed is None:
        return [None] * rows
    return [torch.Generator(device).manual_seed(decoding.seed) for _ in range(rows)]


def _sample(scores: Tensor, generators: list[torch.Generator | None]) -> Tensor:
    tokens = scores.argmax(-1)  # kept where a row is not finite; the reading will say so
    probabilities = scores.softmax(-1)
    for row, generator in enumerate(generators):
        if bool(probabilities[row].isfinite().all()):
            tokens[row] = torch.multinomial(probabilities[row], 1, generator=generator)
    return tokens
