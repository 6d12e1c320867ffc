"""Sound and prompt, read once by a speech LLM, the answers scored, and what may follow them."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from core.ltu_as.passes import additive
from core.ltu_as.prefix import answer_logprobs_of, causal_mask, positions, same_branch

_BATCH_TIME_WIDTH = 3


class Prefix:
    """A batch of prompts that was read by the model's own `forward`.

    Where the cache keeps everything that was read, the same pass reads the answers to score: they stand side by side
    behind the prompt, as in `core.ltu_as.prefix.Prefix`, and are taken out of the cache again. Where its layers forget
    (sliding windows), or share what they keep, every answer is a row of its own behind a copy of the cache.

    Args:
        model: A model of transformers that writes.
        ids: int64 [B, S], padded on the left.
        keep: Boolean [B, S], false at pads.
        audio: What the model takes besides, of the sounds.
        audio_id: Token in the places of the sounds.
        answers: Token ids of each answer to score.
        room: Tokens that are to follow the prompt at most.

    Attributes:
        logits: float32 [B, V] after the prompt.
        answer_logprobs: For each answer float32 [B, pieces], log p(piece | prompt, pieces before it).
        heard: float32 [B, hidden_size], what the first layer gets of the sound, averaged over time; None without.
    """

    def __init__(
        self,
        model: nn.Module,
        ids: Tensor,
        keep: Tensor,
        audio: Mapping[str, Tensor],
        *,
        audio_id: int,
        answers: Sequence[Sequence[int]],
        room: int,
    ) -> None:
        self._model = model
        self._keep, self._positions = keep, keep.sum(1)
        self._cache: Any = DynamicCache(config=model.config)  # type: ignore[arg-type]
        branches = [list(answer[:-1]) for answer in answers]  # no one asks what follows the last piece
        self.heard: Tensor | None = None
        with _Embeddings(model) as embeddings:
            if all(type(layer) is DynamicLayer for layer in self._cache.layers):
                logits = self._read_with(ids, branches, audio)
            else:
                logits = self._read_apart(ids, branches, audio, room=room)
        self.logits = logits[:, 0]
        self.answer_logprobs = answer_logprobs_of(logits, answers)
        if audio:
            self.heard = _mean_where(embeddings.first[:, : ids.shape[1]], ids == audio_id)

    def append(self, tokens: Tensor) -> Tensor:
        """Reads one more token [B] of each row; the logits [B, V] after it."""
        self._keep = nn.functional.pad(self._keep, (0, 1), value=True)
        logits = self._forward(tokens[:, None], self._keep.long(), self._positions[:, None], self._cache, last=1)
        self._positions = self._positions + 1
        return logits[:, 0]

    def _read_with(self, ids: Tensor, branches: Sequence[Sequence[int]], audio: Mapping[str, Tensor]) -> Tensor:
        """Logits [B, 1 + F, V] after the prompt and after each token of the branches, which stand side by side."""
        (batch, length), flat = ids.shape, [piece for branch in branches for piece in branch]
        mask = causal_mask(torch.cat([self._keep, self._keep.new_ones(batch, len(flat))], dim=1))
        mask[:, :, length:, length:] &= same_branch(branches, ids.device)
        depth = torch.tensor([d for branch in branches for d in range(len(branch))], device=ids.device).long()
        position_ids = torch.cat([positions(self._keep), self._positions[:, None] + depth], dim=1)
        whole = torch.cat([ids, torch.tensor(flat, device=ids.device).long().expand(batch, -1)], dim=1)
        like: Tensor = self._model.get_input_embeddings().weight  # type: ignore[operator]
        logits = self._forward(whole, additive(mask, like), position_ids, self._cache, audio, last=1 + len(flat))
        self._cache.crop(-len(flat))
        return logits

    def _read_apart(
        self, ids: Tensor, branches: Sequence[Sequence[int]], audio: Mapping[str, Tensor], *, room: int
    ) -> Tensor:
        """The same, with a row behind a copy of the cache for each branch."""
        first = self._forward(ids, self._keep.long(), positions(self._keep), self._cache, audio, last=1)
        longest = max(map(len, branches), default=0)
        if not longest:
            return first
        cache, n = copy.deepcopy(self._cache) if room > 1 else self._cache, len(branches)
        cache.batch_repeat_interleave(n)
        rows = torch.tensor([[*branch, *[0] * (longest - len(branch))] for branch in branches], device=ids.device)
        keep = nn.functional.pad(self._keep, (0, longest), value=True).repeat_interleave(n, dim=0)
        position_ids = self._positions.repeat_interleave(n)[:, None] + torch.arange(longest, device=ids.device)
        logits = self._forward(rows.repeat(len(ids), 1), keep.long(), position_ids, cache, last=longest)
        by_row = logits.unflatten(0, (len(ids), n))  # type: ignore[no-untyped-call]
        return torch.cat([first, *(by_row[:, row, : len(branch)] for row, branch in enumerate(branches))], dim=1)

    def _forward(
        self,
        ids: Tensor,
        mask: Tensor,
        position_ids: Tensor,
        cache: Any,
        audio: Mapping[str, Tensor] | None = None,
        *,
        last: int,
    ) -> Tensor:
        """Logits [B, last, V] after the last tokens, float32."""
        # A vocabulary is wide, few places are asked about, and not every class can leave the others out by itself.
        head: nn.Module = self._model.get_output_embeddings()  # type: ignore[operator]
        hook = head.register_forward_pre_hook(lambda _, states: (states[0][:, -last:],))
        try:
            made = self._model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=position_ids,
                past_key_values=cache,
                use_cache=True,
                **(audio or {}),
            )
        finally:
            hook.remove()
        logits: Tensor = made.logits
        return logits.float()


class _Embeddings:
    """Keeps what the first layer of a language model is first given, while it is entered."""

    first: Tensor

    def __init__(self, model: nn.Module) -> None:
        decoder: Any = model.get_decoder()  # type: ignore[operator]
        self._layer: nn.Module = decoder.layers[0]

    def __enter__(self) -> Self:
        self._hook = self._layer.register_forward_pre_hook(self._keep, with_kwargs=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def _keep(self, _: nn.Module, given: Sequence[Tensor], named: Mapping[str, Tensor]) -> None:
        if not hasattr(self, "first"):
            states = given[0] if given else named["hidden_states"]
            self.first = (
                states if states.dim() == _BATCH_TIME_WIDTH else states[0]
            )  # Gemma 3n has several, of which one is at work


def _mean_where(embeddings: Tensor, there: Tensor) -> Tensor:
    """Means [B, H] of embeddings [B, S, H] over the places [B, S] that are true."""
    weights = there[..., None].float()
    return (embeddings.float() * weights).sum(1) / weights.sum(1).clamp(min=1)
