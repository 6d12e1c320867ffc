"""Audio and prompt, read once by the language model, and what may follow them."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.ltu_as.passes import Passes


class Prefix:
    """A batch of audio tokens and prompts that was read, and what is read behind them.

    The same pass can also read given answers: they stand side by side behind the prompt, each token seeing the prompt
    and its own answer only, at the positions it would have if its answer stood there alone. So teacher forcing costs a
    handful of tokens instead of a second pass. A draft is read there as well; of it, what is accepted stays.

    Args:
        passes: How the language model reads.
        embeds: [B, S, hidden_size], input embeddings.
        keep: Boolean [B, S], false at pads.
        answers: Token ids of each answer to score.
        draft: Token ids that may follow the prompt.
        room: Tokens that are to follow the prompt at most, those of the draft included.

    Attributes:
        draft: The draft that was read.
        logits: float32 [B, V] after the prompt.
        draft_logits: float32 [B, tokens of the draft, V] after each of them.
        answer_logprobs: For each answer float32 [B, pieces], log p(piece | prompt, pieces before it).
    """

    def __init__(
        self,
        passes: Passes,
        embeds: Tensor,
        keep: Tensor,
        answers: Sequence[Sequence[int]] = (),
        draft: Sequence[int] = (),
        *,
        room: int = 0,
    ) -> None:
        self._passes, self._rows, self.draft = passes, len(embeds), draft
        branches = [list(draft), *(list(answer[:-1]) for answer in answers)]  # no one asks what follows the last piece
        flat = [piece for branch in branches for piece in branch]
        embeds, keep = passes.fitted(embeds, keep, len(flat), room)
        batch, length, _ = embeds.shape
        mask = causal_mask(torch.cat([keep, keep.new_ones(batch, len(flat))], dim=1))
        mask[:, :, length:, length:] &= same_branch(branches, keep.device)
        self._positions = keep.sum(1)
        self._slots = torch.full_like(self._positions, length)
        self._places = torch.arange(passes.capacity_of(length + len(flat), room), device=keep.device)
        self._keep = nn.functional.pad(keep, (0, len(self._places) - length), value=True)
        ids = torch.tensor(flat, dtype=torch.long, device=keep.device).expand(batch, -1)
        depth = torch.tensor([d for branch in branches for d in range(len(branch))], device=keep.device)
        position_ids = torch.cat([positions(keep), self._positions[:, None] + depth.long()], dim=1)
        hidden = passes.read_prompt(torch.cat([embeds, self._embedded(ids)], dim=1), mask, position_ids, room)
        # From the prompt's last token on: rows of the prompt before it are never needed.
        logits = self._logits(hidden[: self._rows, length - 1 :])
        self.logits = logits[:, 0]
        self.draft_logits = logits[:, 1 : 1 + len(draft)]
        self.answer_logprobs = answer_logprobs_of(torch.cat([logits[:, :1], logits[:, 1 + len(draft) :]], 1), answers)

    @property
    def most_width(self) -> int | None:
        """Tokens that can be read at once; None: any number."""
        return self._passes.most_width

    def append(self, tokens: Tensor) -> Tensor:
        """Reads one more token [B] of each row; the logits [B, V] after it."""
        logits = self.read(tokens[:, None])[:, 0]
        self.accept(torch.ones_like(tokens))
        return logits

    def read(self, tokens: Tensor) -> Tensor:
        """Reads tokens [B, n] behind those accepted so far; the logits [B, n, V] after each."""
        rows, n = tokens.shape
        steps = torch.arange(self._passes.width_of(n), device=tokens.device)
        tokens = nn.functional.pad(tokens, (0, len(steps) - n, 0, len(self._keep) - rows))
        slots = self._slots[:, None] + steps
        mask = self._keep[:, None, :] & (self._places <= slots[..., None])
        hidden = self._passes.read_on(self._embedded(tokens), mask[:, None], self._positions[:, None] + steps, slots)
        return self._logits(hidden[:rows, :n])

    def accept(self, counts: Tensor) -> None:
        """Keeps so many [B] of the tokens of each row that were read last, the draft included; the others are gone."""
        counts = nn.functional.pad(counts, (0, len(self._slots) - len(counts)))
        self._slots = self._slots + counts
        self._positions = self._positions + counts

    def _embedded(self, ids: Tensor) -> Tensor:
        embeds: Tensor = self._passes.llama.model.embed_tokens(ids)
        return embeds

    def _logits(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self._passes.llama.lm_head(hidden)
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


def same_branch(branches: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Boolean [F, F] of all tokens of the branches in a row: true where two are of the same one."""
    owner = torch.tensor([n for n, branch in enumerate(branches) for _ in branch], device=device)
    return owner[:, None] == owner[None, :]


def answer_logprobs_of(logits: Tensor, answers: Sequence[Sequence[int]]) -> list[Tensor]:
    """Log-probabilities [B, pieces] of each answer's pieces.

    Args:
        logits: [B, 1 + F, V], after the prompt, then after each piece of each answer but its last.
        answers: Token ids of each.
    """
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
