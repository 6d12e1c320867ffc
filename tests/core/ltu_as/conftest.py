"""A tokenizer small enough to read, and answers made of chosen logits."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, processors

from core.ltu_as.steps import StepLogits
from core.ltu_as.tokenizer import Tokenizer
from core.ltu_as.verbalizer import Verbalizer

_MERGES = "▁ A|▁A n|g e|ge r|▁ H|a p|ap p|n e|ne s|nes s|i ness|▁ S|▁S a|▁Sa d|▁ N|▁N e|u t|r a|ra l"


@pytest.fixture(scope="session")
def small_tokenizer() -> Tokenizer:
    """BPE in LLaMA's manner: ▁An|ger, ▁H|app|iness, ▁Sad|ness, ▁Ne|ut|ral after a space; single letters elsewhere."""
    merges = [(left, right) for left, _, right in (merge.partition(" ") for merge in _MERGES.split("|"))]
    letters = sorted(set("▁\n:,.%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    pieces = ["<unk>", "<s>", "</s>", *letters, *("".join(merge) for merge in merges)]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    backend = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token=pieces[0]))
    backend.add_special_tokens(pieces[:3])
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return Tokenizer(backend)


@pytest.fixture(scope="session")
def llama_tokenizer(shared: Path) -> Tokenizer:
    return Tokenizer.from_file(shared / "llama_tokenizer" / "tokenizer.json")


MakeSteps = Callable[..., StepLogits]


@pytest.fixture(scope="session")
def make_steps(small_tokenizer: Tokenizer) -> MakeSteps:
    """Builds the StepLogits of an answer.

    `words` [J, 4] gives each canonical word's pieces that logit (others 0), `logits` [J, P] every piece its own, and
    neither means 0; the answer's tokens default to the letter "o", one per step.
    """

    def build(
        *, words=None, logits=None, tokens=None, answers=(-1, -1, -1, -1), verbalizer=None, prompt="single", **rest
    ) -> StepLogits:
        verbalizer = verbalizer or Verbalizer.from_tokenizer(small_tokenizer)
        ids = np.array(verbalizer.piece_ids)
        if words is not None:
            logits = np.zeros((len(words), len(ids)), np.float32)
            for emotion, pieces in enumerate(verbalizer.canonical):
                logits[:, np.searchsorted(ids, pieces)] = np.asarray(words)[:, [emotion]]
        elif logits is None:
            logits = np.zeros((1 if tokens is None else len(tokens), len(ids)), np.float32)
        pieces = verbalizer.answers(prompt).values()
        values = {
            "piece_ids": ids,
            "logits": logits,
            "log_normalizer": logits.max(axis=1) + np.float32(5),
            "minimum": logits.min(axis=1) - np.float32(1),
            "tokens": np.arange(len(logits)) if tokens is None else np.arange(len(tokens)),
            "token_pieces": ("o",) * len(logits) if tokens is None else tuple(tokens),
            "text": "",
            "answer_logprobs": tuple(np.full(len(p), a, np.float32) for p, a in zip(pieces, answers, strict=True)),
            "prompt": prompt,
            "verbalizer": verbalizer,
        }
        return StepLogits(**(values | rest))

    return build
