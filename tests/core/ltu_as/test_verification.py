"""Answers by verification are those of writing token by token, whatever the draft."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ltu_as.decode import Decoding
from core.ltu_as.folder import resolve_model
from core.ltu_as.model import LTUAS
from core.ltu_as.passes import Buckets, Passes
from core.ltu_as.prefix import Prefix
from core.ltu_as.tiny import tiny_model
from core.ltu_as.verification import write_verified
from core.sound.audio import read_audio

RATE = 16_000
LENGTH = 14
TEXTS = ["Sad", "how happy is this voice", "neutral: 35%, anger: 20%"]
BUCKETS = Buckets(batches=(1, 4), lengths=(64, 96), widths=(1, 6), rooms=(16,))


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def merged():
    model = tiny_model(lora=False)
    model.use_graphs(BUCKETS)
    return model


def prompts(model, rows):
    """Prompts of unlike length, padded, and what the language model is given of them."""
    ids, keep = model._padded([model.tokenizer.encode(text) for text in TEXTS[:rows]])
    return model.splice(ids, keep, None), ids


def written(model, rows, decoding):
    """The answers token by token: tokens, logits and scores of each."""
    return model.generate([model.tokenizer.encode(text) for text in TEXTS[:rows]], decoding=decoding)


@torch.inference_mode()
def verified(model, rows, decoding, draft, passes=None):
    """The same by verification, and how many passes it took."""
    (embeds, keep), ids = prompts(model, rows)
    passes = passes or Passes(model.llama)
    prefix = Prefix(passes, embeds, keep, (), draft[: decoding.max_new_tokens - 1], room=decoding.max_new_tokens - 1)
    read = []
    prefix.read, plain = (lambda tokens: (read.append(1), plain(tokens))[1]), prefix.read
    steps = list(write_verified(ids, prefix, decoding, eos_id=model.tokenizer.eos_id))
    return steps, 1 + len(read)


def assert_same(model, answers, steps):
    for row, answer in enumerate(answers):
        tokens = [int(step.tokens[row]) for step in steps]
        ended = model.tokenizer.eos_id in tokens
        assert tuple(tokens[: tokens.index(model.tokenizer.eos_id)] if ended else tokens) == answer.tokens
        for n in range(len(answer.logits)):
            torch.testing.assert_close(steps[n].logits[row], answer.logits[n], rtol=0, atol=1e-4)
            torch.testing.assert_close(steps[n].scores[row], answer.scores[n], rtol=0, atol=1e-4)


@settings(deadline=None, max_examples=25)
@given(
    rows=st.integers(1, 3),
    length=st.integers(2, LENGTH),
    penalty=st.sampled_from([1.0, 1.3]),
    edits=st.lists(st.tuples(st.integers(0, LENGTH - 1), st.sampled_from("xid"), st.integers(3, 300)), max_size=4),
    own=st.booleans(),
    graphed=st.booleans(),
)
def test_any_draft_gives_the_answer_written_token_by_token(
    model, merged, *, rows, length, penalty, edits, own, graphed
):
    network = merged if graphed else model
    decoding = Decoding.greedy(max_new_tokens=length, repetition_penalty=penalty)
    answers = written(network, rows, decoding)
    draft = list(answers[0].tokens) if own else [7] * length
    for place, kind, token in edits:  # another token, one too many, one too few
        at = min(place, max(len(draft) - 1, 0))
        draft[at : at + (kind != "i")] = [] if kind == "d" else [token]
    passes = network._graphed if graphed else None
    steps, _ = verified(network, rows, decoding, draft, passes)
    assert_same(network, answers, steps)


@pytest.mark.parametrize("wrong", [0, 1, 4])
def test_every_wrong_token_of_a_draft_costs_one_more_pass(model, wrong):
    decoding = Decoding.greedy(max_new_tokens=20)
    (answer,) = written(model, 1, decoding)
    assert len(answer.tokens) == 20
    draft = list(answer.tokens)
    for place in range(2, 2 + 4 * wrong, 4):
        draft[place] = draft[place] % 300 + 3  # another one, not near in the answer
    steps, passes = verified(model, 1, decoding, draft)
    assert_same(model, [answer], steps)
    assert passes <= 1 + wrong


def test_a_token_too_many_or_too_few_in_a_draft_does_not_spoil_the_rest_of_it(model):
    decoding = Decoding.greedy(max_new_tokens=20)
    (answer,) = written(model, 1, decoding)
    for draft in (answer.tokens[:5] + answer.tokens[6:], (*answer.tokens[:5], 3, *answer.tokens[5:])):
        steps, passes = verified(model, 1, decoding, list(draft))
        assert_same(model, [answer], steps)
        assert passes <= 5


def test_verified_answers_of_a_batch_of_sounds_are_those_of_writing(model):
    random = np.random.default_rng(5)
    sounds = [(random.normal(size=n) * 4000).astype(np.int16) for n in (16_000, 40_000, 300)]
    for prompt in ("single", "ambiguous"):
        heard, said = model.hear(sounds), ["I am sad", None, "ok"]
        decoding = Decoding.greedy(max_new_tokens=9, repetition_penalty=1.1)
        plain = model.answer(heard, transcripts=said, prompt=prompt, decoding=decoding)
        quick = model.answer(heard, transcripts=said, prompt=prompt, decoding=decoding, verified=True)
        for one, other in zip(plain, quick, strict=True):
            assert one.tokens.tolist() == other.tokens.tolist()
            np.testing.assert_allclose(one.logits, other.logits, rtol=0, atol=1e-4)
            for mine, others in zip(one.answer_logprobs, other.answer_logprobs, strict=True):
                np.testing.assert_allclose(mine, others, rtol=0, atol=1e-4)
            assert "verified" not in one.decoding
            assert other.decoding["verified"] is True


def test_what_samples_is_written_token_by_token_all_the_same(model):
    sound = (np.random.default_rng(1).normal(size=16_000) * 4000).astype(np.int16)
    decoding = Decoding(max_new_tokens=6, do_sample=True, temperature=1.5, seed=3)
    (plain,) = model.answer(model.hear([sound]), transcripts=[None], decoding=decoding)
    (quick,) = model.answer(model.hear([sound]), transcripts=[None], decoding=decoding, verified=True)
    assert plain.tokens.tolist() == quick.tokens.tolist()
    assert "verified" not in quick.decoding


def test_the_shipped_models_percentages_take_a_fraction_of_the_passes(monkeypatch):
    mini = LTUAS.from_pretrained(resolve_model("ltu-as-mini"))
    passes = []
    read = Prefix.read
    monkeypatch.setattr(Prefix, "read", lambda *given: (passes.append(1), read(*given))[1])
    speech = read_audio(Path(__file__).parents[3] / "monitor" / "samples" / "two_cities.flac")
    heard = mini.hear([speech[2 * RATE : 5 * RATE]])
    (plain,) = mini.answer(heard, transcripts=[None], prompt="ambiguous")
    one_by_one = len(passes)
    (quick,) = mini.answer(heard, transcripts=[None], prompt="ambiguous", verified=True)
    assert quick.text == plain.text
    assert "%" in plain.text
    np.testing.assert_allclose(quick.logits, plain.logits, rtol=0, atol=1e-4)
    assert len(passes) - one_by_one < one_by_one / 2
