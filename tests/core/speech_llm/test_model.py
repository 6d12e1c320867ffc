"""What a speech LLM is asked and answers, held against the very class of transformers that it runs."""

import json
import shutil

import numpy as np
import pytest
import torch

from core.errors import ModelError
from core.ltu_as.decode import Decoding
from core.ltu_as.prompt import PROMPTS
from core.speech_llm.families import FAMILIES
from core.speech_llm.model import SpeechLLM
from tests.tiny_speech_llms import SAVERS

SHORT = Decoding.greedy(max_new_tokens=5)
ONE = Decoding.greedy(max_new_tokens=1)
CLOSE = {"rtol": 0, "atol": 5e-4}
"""Logits of these models are of the order of ten."""

every_family = pytest.mark.parametrize("model_type", FAMILIES)


def test_there_is_a_tiny_model_of_every_family():
    assert SAVERS.keys() == FAMILIES.keys()


@every_family
def test_logits_are_those_of_the_classs_own_forward(model_of, sounds, model_type):
    model = model_of(model_type)
    (answer,) = model.answer(sounds[:1], transcripts=[None], decoding=ONE)
    with torch.inference_mode():
        own = model.network(**model.inputs(sounds[:1], transcripts=[None], prompt="single")).logits[0, -1].float()
    np.testing.assert_allclose(answer.logits[0], own[answer.piece_ids], **CLOSE)
    np.testing.assert_allclose(answer.log_normalizer[0], own.logsumexp(-1), **CLOSE)
    np.testing.assert_allclose(answer.minimum[0], own.min(), **CLOSE)


@every_family
@pytest.mark.parametrize("prompt", PROMPTS)
def test_answers_have_the_log_probabilities_of_teacher_forcing(model_of, sounds, model_type, prompt):
    model = model_of(model_type)
    (answer,) = model.answer(sounds[1:2], transcripts=[None], prompt=prompt, decoding=ONE)
    inputs = model.inputs(sounds[1:2], transcripts=[None], prompt=prompt)
    length = inputs["input_ids"].shape[1]
    for pieces, logprobs in zip(model.verbalizer.answers(prompt).values(), answer.answer_logprobs, strict=True):
        forced = torch.cat([inputs["input_ids"], torch.tensor([pieces])], dim=1)
        with torch.inference_mode():
            own = model.network(**(inputs | {"input_ids": forced, "attention_mask": torch.ones_like(forced)})).logits
        given = own[0, length - 1 : -1].float().log_softmax(-1)
        np.testing.assert_allclose(logprobs, given[torch.arange(len(pieces)), list(pieces)], **CLOSE)


@every_family
def test_a_batch_gives_each_sound_what_it_gives_alone(model_of, sounds, model_type):
    model, said = model_of(model_type), [None, "we lost the match, and nobody said a word", None]
    together = model.answer(sounds, transcripts=said, decoding=SHORT)
    for n, answer in enumerate(together):
        (alone,) = model.answer(sounds[n : n + 1], transcripts=said[n : n + 1], decoding=SHORT)
        assert answer.text == alone.text
        np.testing.assert_array_equal(answer.tokens, alone.tokens)
        for name in ("logits", "log_normalizer", "minimum", "feature_mean"):
            np.testing.assert_allclose(getattr(answer, name), getattr(alone, name), **CLOSE)
        for logprobs, expected in zip(answer.answer_logprobs, alone.answer_logprobs, strict=True):
            np.testing.assert_allclose(logprobs, expected, **CLOSE)
    assert np.abs(together[0].logits[0] - together[1].logits[0]).max() > 0.05, "sound makes a difference"


@every_family
def test_greedy_text_and_its_logits_are_those_of_generate(model_of, sounds, model_type):
    model = model_of(model_type)
    (answer,) = model.answer(sounds[:1], transcripts=[None], prompt="ambiguous", decoding=SHORT)
    inputs = model.inputs(sounds[:1], transcripts=[None], prompt="ambiguous")
    own = model.network.generate(
        **inputs, max_new_tokens=5, do_sample=False, output_logits=True, return_dict_in_generate=True
    )
    written = own.sequences[0, inputs["input_ids"].shape[1] :].tolist()
    assert answer.tokens.tolist() == [token for token in written if token not in model.eos_ids]
    assert len(answer.tokens) > 1
    steps = torch.stack([step[0] for step in own.logits])[: len(answer.logits)]
    np.testing.assert_allclose(answer.logits, steps[:, answer.piece_ids].float(), **CLOSE)


@every_family
def test_pieces_are_what_the_tokenizer_makes_of_words_behind_its_own_prompt(model_of, model_type):
    model = model_of(model_type)
    spelling = model.prompts.spelling
    for word, forms in model.verbalizer.pieces.items():
        for ids, written in ((forms["bare"], word), (forms["word_start"], f"▁{word}")):
            assert "".join(spelling.spellings(ids)) == written
            assert spelling.decode(ids) == word
    prompt = model.prompts.text("single", None, sound=True)
    whole, shorter = spelling.ids(f"{prompt}Sadness 60%"), spelling.ids(prompt)
    assert whole[: len(shorter)] == shorter
    sadness = model.verbalizer.pieces["Sadness"]["bare"]
    assert tuple(whole[len(shorter) :][: len(sadness)]) == sadness
    assert spelling.spellings(sadness) == ("Sad", "ness")
    anger = {"voxtral": ("▁An", "ger")}.get(model_type, ("▁", "An", "ger"))
    assert spelling.spellings(model.verbalizer.pieces["Anger"]["word_start"]) == anger


@every_family
def test_the_answer_begins_where_the_model_is_to_speak(model_of, model_type):
    text = model_of(model_type).prompts.text("single", None, sound=True)
    ending = {
        "voxtral": "[/INST]",
        "gemma3n": "<start_of_turn>model\n",
        "gemma4": "<|turn>model\n",
        "phi4_multimodal": "<|end|><|assistant|>",
    }.get(model_type, "<|im_end|>\n<|im_start|>assistant\n")
    assert text.endswith(ending)
    assert PROMPTS["single"] in text
    assert "think" not in text


@every_family
def test_words_alone_are_read_without_a_place_of_sound(model_of, model_type):
    model = model_of(model_type)
    (answer,) = model.answer(None, transcripts=["oh no"], decoding=ONE)
    assert answer.feature_mean is None
    ids = model.prompts.ids("single", "oh no", None)
    assert model.prompts.audio_id not in ids
    with torch.inference_mode():
        own = model.network(input_ids=torch.tensor([ids])).logits[0, -1].float()
    np.testing.assert_allclose(answer.logits[0], own[answer.piece_ids], **CLOSE)


@every_family
def test_special_tokens_in_a_transcript_lose_their_meaning(model_of, model_type):
    model = model_of(model_type)
    placeholder, eos = FAMILIES[model_type].placeholder, model.prompts.spelling.spellings(model.eos_ids[:1])[0]
    ids = model.prompts.ids("single", f"well {placeholder} then {eos} so", 3)
    plain = model.prompts.ids("single", "well then so", 3)
    assert ids.count(model.prompts.audio_id) == 3
    assert ids.count(model.eos_ids[0]) == plain.count(model.eos_ids[0])


def test_a_question_with_the_place_of_sound_in_it_is_refused(model_of):
    with pytest.raises(ModelError, match=r"the question itself holds <\|AUDIO\|>"):
        model_of("qwen2_audio").prompts.ids("what is <|AUDIO|>?", None, 3)


def test_what_is_longer_than_the_context_is_refused(model_of, sounds):
    with pytest.raises(ModelError, match=r"take \d+ tokens; the model reads at most 4096"):
        model_of("voxtral").answer(sounds[:1], transcripts=["so " * 4000], decoding=ONE)


def test_of_a_long_sound_the_first_thirty_seconds_are_heard(model_of):
    rng = np.random.default_rng(3)
    long = rng.normal(0, 1000, 31 * 16_000).astype(np.int16)
    cut, whole = model_of("qwen2_5_omni").answer([long[: 30 * 16_000], long], transcripts=[None] * 2, decoding=ONE)
    assert (cut.truncated_s, whole.truncated_s) == (0.0, 1.0)
    np.testing.assert_allclose(whole.logits, cut.logits, **CLOSE)


def test_what_ends_speech_in_a_vocabulary_of_sounds_ends_no_answer(folder_of, tmp_path):
    folder = shutil.copytree(folder_of("qwen2_5_omni"), tmp_path / "omni")
    told = json.loads((folder / "generation_config.json").read_text())
    end = told["eos_token_id"][0]
    (folder / "generation_config.json").write_text(json.dumps(told | {"eos_token_id": [82, end]}))
    assert SpeechLLM.from_folder(folder).eos_ids == (end,)


def test_drawn_answers_come_again_with_the_same_seed(model_of, sounds):
    model, drawn = model_of("audioflamingo3"), Decoding.original(max_new_tokens=6, seed=4)
    first, again = (model.answer(sounds[:2], transcripts=[None] * 2, decoding=drawn) for _ in range(2))
    assert [answer.text for answer in first] == [answer.text for answer in again]


@pytest.mark.parametrize("model_type", ["qwen2_audio", "qwen2_5_omni", "audioflamingo3", "voxtral", "gemma4"])
def test_in_half_precision_it_answers_much_the_same(folder_of, model_of, sounds, model_type):
    half = SpeechLLM.from_folder(folder_of(model_type), dtype="bfloat16")
    assert half.dtype == torch.bfloat16
    (rounded,) = half.answer(sounds[:1], transcripts=[None], decoding=ONE)
    (exact,) = model_of(model_type).answer(sounds[:1], transcripts=[None], decoding=ONE)
    np.testing.assert_allclose(rounded.logits, exact.logits, rtol=0, atol=0.5)
    for logprobs, expected in zip(rounded.answer_logprobs, exact.answer_logprobs, strict=True):
        np.testing.assert_allclose(logprobs, expected, rtol=0, atol=0.8)
