"""Greedy answers in a few passes: a draft is read at once and kept as far as the model would have written it itself.

What comes out is what `write` gives, token by token and logit by logit, but for how sums are rounded. A draft decides
how many passes that takes, never what is written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import LogitsProcessorList

from core.ltu_as.decode import Decoding, Step, processors_of
from core.ltu_as.prefix import Prefix

_NEARBY = (1, -1, 2, -2, 3)
"""How far from its place in the draft a token may stand for the draft to go on behind it."""


@dataclass(slots=True, eq=False)
class _Answer:
    """One answer in the making.

    Attributes:
        draft: What it may look like.
        at: Where in the draft the next guess begins.
        guess: What is guessed to follow the tokens so far.
        tokens: What was written.
        rows: Logits and scores [n, V] that they were chosen from.
    """

    draft: Sequence[int]
    at: int = 0
    guess: Sequence[int] = ()
    tokens: list[int] = field(default_factory=list)
    rows: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    ended: bool = False

    def take(self, chosen: Sequence[int], logits: Tensor, scores: Tensor, *, most: int, eos_id: int) -> int:
        """Takes what was chosen after each token of the guess, as far as it agrees; how much of the guess did."""
        agreed = 0
        while agreed < len(self.guess) and chosen[agreed] == self.guess[agreed]:
            agreed += 1
        taken = list(chosen[: min(agreed + 1, most - len(self.tokens))])
        if eos_id in taken:
            del taken[taken.index(eos_id) + 1 :]
        self.tokens += taken
        before = self.tokens[-2] if len(self.tokens) > 1 else None
        self.rows.append((logits[: len(taken)], scores[: len(taken)]))
        self.ended = self.tokens[-1] == eos_id or len(self.tokens) == most
        self.at = self._behind(self.at + agreed, before, taken[-1])
        return agreed

    def guess_on(self, most: int) -> None:
        """Guesses at most so many tokens."""
        self.guess = () if self.ended else self.draft[self.at : self.at + most]

    def _behind(self, place: int, before: int | None, token: int) -> int:
        """Where the draft goes on when this token was written, behind another, in place of the one at `place`.

        Behind the token itself if it stands nearby, or anywhere behind that other one: in lists, the items of which
        come in any order. Else as if it were but another number.
        """
        near = [place + step for step in _NEARBY if 0 <= place + step < len(self.draft)]
        pairs = [spot for spot in range(1, len(self.draft)) if self.draft[spot - 1] == before]
        spots = [*near, *sorted(pairs, key=lambda spot: abs(spot - place))]
        return next((spot for spot in spots if self.draft[spot] == token), place) + 1


def write_verified(prompt_ids: Tensor, prefix: Prefix, decoding: Decoding, *, eos_id: int) -> Iterator[Step]:
    """Writes the answers of a batch greedily; see `core.ltu_as.decode.write`.

    Args:
        prompt_ids: int64 [B, N], padded with an id that occurs in the row.
        prefix: Has read the prompts, and with them a draft without the end of the answer.
        decoding: Not one that samples.
        eos_id: Ends an answer.
    """
    processors, most = processors_of(decoding), decoding.max_new_tokens
    answers = [_Answer(prefix.draft, guess=prefix.draft) for _ in prompt_ids]
    known: list[int] = [0] * len(answers)  # read in a pass without being a guess
    logits = torch.cat([prefix.logits[:, None], prefix.draft_logits], dim=1)
    while True:
        scores = _scores(processors, prompt_ids, answers, logits)
        accepted = []
        for answer, chosen, its_logits, its_scores, read in zip(
            answers, scores.argmax(-1).tolist(), logits, scores, known, strict=True
        ):
            agreed = 0 if answer.ended else answer.take(chosen, its_logits, its_scores, most=most, eos_id=eos_id)
            accepted.append(read + agreed)
        if all(answer.ended for answer in answers):
            break
        prefix.accept(torch.tensor(accepted, device=logits.device))
        for answer in answers:
            answer.guess_on(min(most - len(answer.tokens), prefix.most_width or most) - 1)
        known = [int(not answer.ended) for answer in answers]
        logits = prefix.read(_rows([[answer.tokens[-1], *answer.guess] for answer in answers], logits.device))
    yield from _steps(answers, eos_id)


def _scores(processors: LogitsProcessorList, prompt_ids: Tensor, answers: Sequence[_Answer], logits: Tensor) -> Tensor:
    """Logits [B, n, V] after the processors, each of which sees what stands before it: prompt, answer and guess."""
    if not processors:
        return logits
    texts = []
    for prompt, answer in zip(prompt_ids.tolist(), answers, strict=True):
        text = [*prompt, *answer.tokens, *answer.guess]
        n = len(text) - len(answer.guess)
        texts += [text[: n + step] for step in range(logits.shape[1])]
    contexts = _rows(texts, logits.device)
    scores: Tensor = processors(contexts, logits.flatten(0, 1))  # type: ignore[arg-type]
    return scores.view_as(logits)


def _rows(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Ids [B, n], shorter rows filled with their own first one."""
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[row[0]] * (longest - len(row))] for row in rows], device=device)


def _steps(answers: Sequence[_Answer], eos_id: int) -> Iterator[Step]:
    """The answers side by side, as if they had been written together; what follows an end means nothing."""
    rows = [tuple(map(torch.cat, zip(*answer.rows, strict=True))) for answer in answers]
    device = rows[0][0].device
    for n in range(max(len(answer.tokens) for answer in answers)):
        logits, scores = (torch.stack([row[kind][min(n, len(row[kind]) - 1)] for row in rows]) for kind in (0, 1))
        tokens = [answer.tokens[n] if n < len(answer.tokens) else eos_id for answer in answers]
        yield Step(logits, scores, torch.tensor(tokens, device=device))
