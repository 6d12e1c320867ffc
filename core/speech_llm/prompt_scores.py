"""Log-probabilities of given answers, by the scores that a model server gives of prompts.

Answers are scored, not sampled: each is put after the question as the beginning of the model's own message (vLLM:
`continue_final_message` without `add_generation_prompt`), and the server tells the log-probability of each token of
that prompt (`prompt_logprobs`). These are log-softmaxes over the whole vocabulary, untouched by temperature or top-k;
the tokens are the server's own, so nothing is guessed of its tokenizer. What the prompts have in common is left out, a
first token that all answers share included: the rest is the answers. `top_logprobs` of a written answer would not do:
they tell of the first token only, and of it the twenty likeliest.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from core.speech_llm.server_connection import NotOffered

Scores = tuple[float, ...]
"""Log-probabilities of an answer's tokens."""


class NotScored(NotOffered):
    """The server gave no log-probabilities of the answers."""


def answer_scores(contents: Sequence[Mapping[str, Any]], answers: Sequence[str]) -> list[Scores]:
    """Log-probabilities of the tokens of each answer, from what a server says of the prompts that end with them.

    Args:
        contents: Of each answer, with `prompt_logprobs`: for each token of the prompt None or a table from ids to
            `logprob` and `decoded_token`; and `prompt_token_ids`, without which the first of a table is the prompt's.
        answers: What was put at the end of each.

    Raises:
        NotScored: There are no such numbers, or they are of something else than the answers.
    """
    prompts = [_prompt_tokens(content) for content in contents]
    ids = [[token for token, _, _ in prompt] for prompt in prompts]
    shared = next((n for n, column in enumerate(zip(*ids, strict=False)) if len(set(column)) > 1), min(map(len, ids)))
    scores = []
    for prompt, answer in zip(prompts, answers, strict=True):
        told = "".join(text for _, _, text in prompt[shared:])
        if not told.strip() or not answer.endswith(told.strip()):
            msg = f"the server scored {told!r} in place of the answer {answer!r}"
            raise NotScored(msg, hint="does it know continue_final_message?")
        scores.append(tuple(logprob for _, logprob, _ in prompt[shared:]))
    return scores


def _prompt_tokens(content: Mapping[str, Any]) -> list[tuple[str, float, str]]:
    """Id, log-probability and text of each token of a prompt."""
    tables, ids = content.get("prompt_logprobs"), content.get("prompt_token_ids")
    if not tables:
        msg = "the server gives no log-probabilities of prompts"
        raise NotScored(msg, hint="vLLM does: prompt_logprobs")
    try:
        ids = ids if ids and len(ids) == len(tables) else None  # some tell them without the places that sound takes
        tokens = []
        for n, table in enumerate(tables):
            if table is None:  # nothing comes before the first token
                tokens.append((str(ids[n]) if ids else "", 0.0, ""))
                continue
            token = str(ids[n]) if ids else next(iter(table))
            logprob = float(table[token]["logprob"])
            if not math.isfinite(logprob):
                raise ValueError(logprob)  # noqa: TRY301
            tokens.append((token, logprob, str(table[token].get("decoded_token") or "")))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        msg = f"the server's log-probabilities are not understood: {error!r}"
        raise NotScored(msg) from error
    return tokens
