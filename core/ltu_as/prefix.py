"""Audio and prompt, read once by the language model, and what may follow them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import DynamicCache, LlamaForCausalLM


class Prefix:
    """The key/value cache of a batch of audio tokens and prompts.

    The same pass can also read given answers: they stand side by side behind the prompt, each token seeing the prompt
    and its own answer only, at the positions it would have if its answer stood there alone. So teacher forcing costs a
    handful of tokens instead of a second pass.

    Args:
        llama: The language model.
        embeds: [B, S, hidden_size], input embeddings.
        keep: Boolean [B, S], false at pads.
        answers: Token ids of each answer to score.

    Attributes:
        logits: float32 [B, V] after the prompt.
        answer_logprobs: For each answer float32 [B, pieces], log p(piece | prompt, pieces before it).
    """

    def __init__(
        self, llama: LlamaForCausalLM, embeds: Tensor, keep: Tensor, answers: Sequence[Sequence[int]] = ()
    ) -> None:
        self._llama = llama
        self._keep = keep
        self._padded = not bool(keep.all())
        self._length = keep.sum(1, keepdim=True)
        self._cache = DynamicCache()
        branches = [list(answer[:-1]) for answer in answers]  # no one asks what follows the last piece
        flat = [piece for branch in branches for piece in branch]
        mask, position_ids = None, positions(keep)
        if self._padded or flat:
            mask = causal_mask(torch.cat([keep, keep.new_ones(len(keep), len(flat))], dim=1))
            mask[:, :, embeds.shape[1] :, embeds.shape[1] :] &= _same_branch(branches, keep.device)
        if flat:
            ids = torch.tensor(flat, device=keep.device).expand(len(keep), -1)
            embeds = torch.cat([embeds, llama.model.embed_tokens(ids)], dim=1)
            depth = torch.tensor([d for branch in branches for d in range(len(branch))], device=keep.device)
            position_ids = torch.cat([position_ids, self._length + depth], dim=1)
        # From the prompt's last token on: rows of the prompt before it are never needed.
        logits = self._read(embeds, mask, position_ids, rows=1 + len(flat))
        self.logits = logits[:, 0]
        self.answer_logprobs = _answer_logprobs(logits, answers)
        if flat:
            self._cache.crop(-len(flat))

    def append(self, tokens: Tensor) -> Tensor:
        """Reads one more token [B] of each row; the logits [B, V] after it."""
        mask = None
        if self._padded:
            self._keep = nn.functional.pad(self._keep, (0, 1), value=True)
            mask = self._keep[:, None, None, :]
        embeds = self._llama.model.embed_tokens(tokens[:, None])
        logits = self._read(embeds, mask, self._length, rows=1)
        self._length = self._length + 1
        return logits[:, 0]

    def _read(self, embeds: Tensor, mask: Tensor | None, position_ids: Tensor, *, rows: int) -> Tensor:
        hidden = self._llama.model(
            inputs_embeds=embeds,
            attention_mask=mask,
            position_ids=position_ids,
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state
        logits: Tensor = self._llama.lm_head(hidden[:, -rows:])
        return logits.float()


def positions(keep: Tensor) -> Tensor:
    """Position of each kept place [B, S], counted without the places left out."""
    return (keep.long().cumsum(1) - 1).clamp(min=0)


def causal_mask(keep: Tensor) -> Tensor:
    """Boolean [B, 1, S, S], true where a query (row) may look: at what is kept up to itself."""
    size = keep.shape[1]
    causal = torch.ones(size, size, dtype=torch.bool, device=keep.device).tril()
    mask = causal & keep[:, None, :]
    itself = torch.eye(size, dtype=torch.bool, device=keep.device)
    sees_nothing = ~mask.any(-1, keepdim=True)  # a pad with nothing before it; its softmax would be NaN
    return (mask | (itself & sees_nothing))[:, None]


def _same_branch(branches: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    owner = torch.tensor([n for n, branch in enumerate(branches) for _ in branch], device=device)
    return owner[:, None] == owner[None, :]


def _answer_logprobs(logits: Tensor, answers: Sequence[Sequence[int]]) -> list[Tensor]:
    """Logits [B, 1 + F, V]: after the prompt, then after each piece of each answer but its last."""
    logprobs = []
    start = 1
    for answer in answers:
        rows = [0, *range(start, start + len(answer) - 1)]
        start += len(answer) - 1
        given = logits[:, rows]
        pieces = torch.tensor(list(answer), device=logits.device).expand(len(logits), -1)[..., None]
        logprobs.append(given.gather(-1, pieces)[..., 0] - given.logsumexp(-1))
    return logprobs


def padded(rows: Sequence[Sequence[int]], pad_id: int, *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and mask [B, N] of rows of ids, padded on the left."""
    longest = max(map(len, rows))
    ids = [[pad_id] * (longest - len(row)) + list(row) for row in rows]
    keep = [[False] * (longest - len(row)) + [True] * len(row) for row in rows]
    return torch.tensor(ids, device=device), torch.tensor(keep, device=device)
