import json
import math

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import ModelError
from core.ltu_as.config import LTUAS_7B, AudioConfig, TLTRConfig
from core.ltu_as.decode import Decoding
from core.ltu_as.model import LTUAS
from core.ltu_as.prompt import render
from core.ltu_as.readout import InvalidReading, readout
from core.ltu_as.tensor_names import from_published
from core.ltu_as.tiny import tiny_model
from core.ltu_as.tltr import TLTR
from tests.golden.golden import HERE

RATE = 16_000
TRANSCRIPTS = ["I am so sad today, the rain will not stop.", None, "ok", "   "]


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def sounds():
    random = np.random.default_rng(5)
    return [(random.normal(size=n) * 4000).astype(np.int16) for n in (RATE, 11 * RATE, 201, 3 * RATE)]


DECODINGS = [
    Decoding.greedy(max_new_tokens=8),
    Decoding.greedy(max_new_tokens=8, repetition_penalty=1.3),
    Decoding(max_new_tokens=8, do_sample=True, temperature=1.5, seed=3),
]


@pytest.mark.parametrize("decoding", DECODINGS, ids=["greedy", "penalty", "sampling"])
@pytest.mark.parametrize("prompt", ["single", "ambiguous"])
def test_a_batch_gives_each_utterance_what_it_gives_alone(model, sounds, prompt, decoding):
    together = model.step_logits_batch(sounds, transcripts=TRANSCRIPTS, prompt=prompt, decoding=decoding)
    for sound, transcript, batched in zip(sounds, TRANSCRIPTS, together, strict=True):
        alone = model.step_logits(sound, transcript=transcript, prompt=prompt, decoding=decoding)
        assert batched.tokens.tolist() == alone.tokens.tolist()
        for name in ("logits", "log_normalizer", "minimum"):
            np.testing.assert_allclose(getattr(batched, name), getattr(alone, name), rtol=0, atol=1e-4)
        for mine, others in zip(batched.answer_logprobs, alone.answer_logprobs, strict=True):
            np.testing.assert_allclose(mine, others, rtol=0, atol=1e-4)


def test_padded_rows_have_the_logits_of_lone_ones(model, sounds):
    rows = [model.tokenizer.encode(render("single", transcript)) for transcript in TRANSCRIPTS]
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    for features in (model.features(sounds), None):
        together = model(ids, features, attention_mask=mask)
        for n, row in enumerate(rows):
            alone = model(torch.tensor([row]), None if features is None else features[n : n + 1])
            torch.testing.assert_close(together[n, longest - len(row) :], alone[0], rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def brief():
    """A model whose window is as long as the utterance."""
    return tiny_model(audio=AudioConfig(pool=10, window="utterance", level=1.5))


@pytest.mark.parametrize("decoding", DECODINGS, ids=["greedy", "penalty", "sampling"])
def test_sounds_of_unlike_length_are_read_together_as_alone(brief, sounds, decoding):
    together = brief.step_logits_batch(sounds, transcripts=TRANSCRIPTS, decoding=decoding)
    for sound, transcript, batched in zip(sounds, TRANSCRIPTS, together, strict=True):
        alone = brief.step_logits(sound, transcript=transcript, decoding=decoding)
        assert batched.tokens.tolist() == alone.tokens.tolist()
        np.testing.assert_allclose(batched.logits, alone.logits, rtol=0, atol=1e-4)
        for mine, others in zip(batched.answer_logprobs, alone.answer_logprobs, strict=True):
            np.testing.assert_allclose(mine, others, rtol=0, atol=1e-4)


def test_the_mean_features_are_those_of_the_sound_without_what_fills_the_window(brief, model, sounds):
    for network in (brief, model):
        for sound, steps in zip(sounds, network.step_logits_batch(sounds), strict=True):
            tokens = math.ceil(min(len(sound), 10 * RATE) // 160 / (2 * network.config.audio.pool))
            features = network.features([sound])[0, :, :tokens]
            np.testing.assert_allclose(steps.feature_mean, features.mean((0, 1)), rtol=0, atol=1e-5)
    assert model.step_logits(None, transcript="so sad").feature_mean is None


def test_rows_padded_in_sound_and_text_have_the_logits_and_answers_of_lone_ones(brief, sounds):
    rows = [brief.tokenizer.encode(render("single", transcript)) for transcript in TRANSCRIPTS]
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    features, keep = brief.features(sounds), brief.audio_keep(sounds)
    together = brief(ids, features, audio_keep=keep, attention_mask=mask)
    answers = brief.generate(rows, features, Decoding.greedy(max_new_tokens=5), audio_keep=keep)
    for n, (row, sound) in enumerate(zip(rows, sounds, strict=True)):
        alone = brief(torch.tensor([row]), brief.features([sound]))
        torch.testing.assert_close(together[n, longest - len(row) :], alone[0], rtol=0, atol=1e-4)
        (answer,) = brief.generate([row], brief.features([sound]), Decoding.greedy(max_new_tokens=5))
        assert answers[n].tokens == answer.tokens


def test_what_stands_at_pads_is_neither_heard_nor_learned_from(brief, sounds):
    features, keep = brief.features(sounds), brief.audio_keep(sounds)
    features = features.masked_fill(~keep[:, None, :, None], 7.0).requires_grad_()
    ids = torch.tensor([brief.tokenizer.encode(render("single"))]).expand(len(sounds), -1)
    logits = brief(ids, audio_embeddings=brief.audio_embeddings(features, keep), audio_keep=keep)
    torch.testing.assert_close(logits, brief(ids, brief.features(sounds), audio_keep=keep), rtol=0, atol=1e-5)
    logits.logsumexp(-1).sum().backward()
    gradient = features.grad.abs().sum((1, 3))
    assert bool((gradient[keep] > 0).all())
    assert not gradient[~keep].any()


def test_answers_are_scored_as_if_each_stood_behind_the_prompt_alone(model, sounds):
    steps = model.step_logits(sounds[0], transcript="ok")
    prompt = model.tokenizer.encode(render("single", "ok"))
    answers = model.verbalizer.answers("single").values()
    for answer, logprobs in zip(answers, steps.answer_logprobs, strict=True):
        logits = model(torch.tensor([prompt + list(answer)]), model.features(sounds[:1]))[0].detach().log_softmax(-1)
        expected = [float(logits[len(prompt) - 1 + place, piece]) for place, piece in enumerate(answer)]
        np.testing.assert_allclose(logprobs, expected, rtol=0, atol=1e-4)


def test_kept_logits_are_those_of_the_whole_forward_pass(model, sounds):
    steps = model.step_logits(sounds[0], decoding=Decoding.greedy(max_new_tokens=5))
    prompt = model.tokenizer.encode(render("single"))
    ids = torch.tensor([prompt + steps.tokens.tolist()])
    logits = model(ids, model.features(sounds[:1]))[0, len(prompt) - 1 : -1].detach()
    assert logits.argmax(-1).tolist() == steps.tokens.tolist()
    np.testing.assert_allclose(steps.logits, logits[:, steps.piece_ids], rtol=0, atol=1e-4)
    np.testing.assert_allclose(steps.log_normalizer, logits.logsumexp(-1), rtol=0, atol=1e-4)
    np.testing.assert_allclose(steps.minimum, logits.amin(-1), rtol=0, atol=1e-4)


def test_one_new_token_costs_one_pass_of_the_language_model(model, sounds):
    passes = []
    hook = model.llama.model.norm.register_forward_hook(lambda *_: passes.append(1))
    model.step_logits(sounds[0], decoding=Decoding(max_new_tokens=1))
    hook.remove()
    assert len(passes) == 1


def test_the_vocabulary_is_projected_for_the_answer_only(model, sounds):
    rows = []
    hook = model.llama.lm_head.register_forward_hook(lambda _, args, __: rows.append(args[0].shape[1]))
    steps = model.step_logits(sounds[0], decoding=Decoding(max_new_tokens=3))
    hook.remove()
    assert rows == [1 + sum(len(answer) - 1 for answer in steps.answer_logprobs), 1, 1]


def ending(model: LTUAS, wanted: int) -> LTUAS:
    """A model whose likeliest token is always `wanted`."""
    model.llama.lm_head.weight.data[:] = 0
    model.llama.lm_head.weight.data[wanted] = 1
    model.llama.model.norm.weight.data[:] = 0
    model.llama.model.norm.register_forward_hook(lambda *args: args[-1] + 1)
    return model


def test_an_answer_that_ends_at_once_still_has_the_logits_of_the_answer_position(sounds):
    model = ending(tiny_model(), wanted=2)
    steps = model.step_logits(sounds[0])
    assert steps.text == ""
    assert len(steps.tokens) == 0
    assert steps.logits.shape == (1, len(steps.piece_ids))
    (answer,) = model.generate([model.tokenizer.encode("x")])
    assert answer.tokens == ()
    assert len(answer.logits) == 1


def test_an_answer_stops_at_the_limit_when_it_does_not_end(sounds):
    model = ending(tiny_model(), wanted=65)
    assert model.step_logits(sounds[0], decoding=Decoding(max_new_tokens=4)).tokens.tolist() == [65] * 4


def test_an_answer_stops_where_the_context_is_full(model):
    room = model.config.llama.max_position_embeddings - 2040
    (answer,) = model.generate([[1] * 2040], decoding=Decoding(max_new_tokens=100))
    assert len(answer.tokens) == room


def test_a_transcript_longer_than_the_context_is_refused_in_one_line(model, sounds):
    with pytest.raises(ModelError, match=r"take \d+ tokens; tiny reads at most 2048"):
        model.step_logits(sounds[0], transcript="so " * 2000)


def test_text_alone_can_be_asked_about(model, sounds):
    text_only = model.step_logits(None, transcript="I am so sad.")
    heard = model.step_logits(sounds[0], transcript="I am so sad.")
    assert np.abs(text_only.logits[0] - heard.logits[0]).max() > 0.1
    assert text_only.truncated_s == 0


def test_sound_and_silence_cannot_share_a_batch_with_no_sound(model, sounds):
    with pytest.raises(ValueError, match="in every row or in none"):
        model.step_logits_batch([sounds[0], None])


def test_speech_beyond_the_window_is_named(model, sounds):
    assert [s.truncated_s for s in model.step_logits_batch(sounds)] == [0.0, 1.0, 0.0, 0.0]


def test_features_of_another_shape_are_refused(model):
    with pytest.raises(ValueError, match=r"\[B, 2, 25, 16\] expected, not \[1, 2, 24, 16\]"):
        model.audio_embeddings(torch.zeros(1, 2, 24, 16))


@pytest.mark.parametrize("decoding", DECODINGS, ids=["greedy", "penalty", "sampling"])
def test_broken_weights_make_an_invalid_reading_not_a_crash(sounds, decoding):
    model = tiny_model()
    model.audio_proj[1].bias.data[0] = float("nan")
    steps = model.step_logits(sounds[0], decoding=decoding)
    with pytest.raises(InvalidReading, match="not finite"):
        readout(steps, kind="seq_logprob")


def test_everything_but_the_positional_table_can_be_trained():
    model = tiny_model().train()
    ids = torch.tensor([model.tokenizer.encode(render("single"))])
    mel_features = model.whisper(torch.randn(1, 80, 1000))
    nn.functional.cross_entropy(model(ids, mel_features)[0, :-1], ids[0, 1:]).backward()
    without = {name for name, parameter in model.named_parameters() if parameter.grad is None}
    assert without == {"whisper.embed_positions.weight"}
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters() if parameter.grad is not None)


def test_features_from_the_frozen_encoder_can_be_trained_on(sounds):
    model = tiny_model()
    model(torch.tensor([[1, 2]]), model.features(sounds[:1])).sum().backward()
    assert model.whisper.conv1.weight.grad is None
    assert model.audio_encoder.time_tr.attn.query.weight.grad is not None


def test_the_published_model_has_its_published_size_and_names():
    published = json.loads((HERE / "published_keys.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        model = LTUAS(LTUAS_7B)
    parameters = {name: p for name, p in model.named_parameters() if not name.startswith("whisper.")}
    assert sum(parameter.numel() for parameter in parameters.values()) == published["all"] == 6_787_209_216
    shapes = {from_published(key): shape for key, shape in published["keys"].items()}
    assert len(shapes) == published["n_keys"] == 160
    assert {name: list(parameters[name].shape) for name in shapes} == shapes
    assert sum(parameters[name].numel() for name in shapes) == published["trainable"]


WRONG = {"max_new_tokens": 0, "temperature": 0.0, "top_p": 1.1, "top_k": -1, "repetition_penalty": 0.0}


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_decoding_refuses_what_makes_no_sense(name, value):
    with pytest.raises(ValueError, match=name):
        Decoding(**{name: value})


def test_standardised_features_lose_the_scale_of_their_channels():
    config = TLTRConfig(layer_heads=2, standardise=True)
    torch.manual_seed(0)
    tltr = TLTR(config, layers=3, dim=8)
    features = torch.randn(2, 3, 5, 8)
    scale, shift = torch.rand(3, 1, 8) * 100 + 0.1, torch.randn(3, 1, 8) * 50
    plain = tltr(features)
    tltr.input_mean.copy_(shift)
    tltr.input_std.copy_(scale)
    torch.testing.assert_close(tltr(features * scale + shift), plain, atol=1e-3, rtol=1e-3)
    assert "input_mean" not in TLTR(TLTRConfig(), layers=3, dim=8).state_dict()
