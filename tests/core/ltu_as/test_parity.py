"""The original's numbers, stage by stage, on small random weights."""

import json
from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from core.errors import AudioError
from core.ltu_as.config import LlamaConfig, LoraConfig, LTUASConfig, WhisperConfig
from core.ltu_as.decode import Decoding
from core.ltu_as.features import log_mel, pad_or_trim
from core.ltu_as.lora import LoRALinear
from core.ltu_as.model import LTUAS
from core.ltu_as.prompt import render
from core.ltu_as.tensor_names import from_published
from core.ltu_as.tokenizer import TOKENIZER_NAME, Tokenizer
from tests.golden.golden import HERE, Golden, largest_difference, recipe

SOUNDS = ["w3s", "w12s", "silence1s", "stereo44k", "mono8k", "len201", "len400"]
HEARD = ["w3s", "w12s", "none"]
PROMPTS = ["trans", "notrans"]
MEL = 1e-4
"""The FFT kernels of processors round differently, each by 6e-8 of the loudest bin. At the floor, 8 decades of power
below it, that is 6e-4 of a bin's amplitude, and 1e-4 after the logarithm. The features made of it are held closer."""
AUDIO, LOGITS, SCORES = 1e-5, 1e-4, 1e-3  # scores are logits divided by a temperature of 0.1


@pytest.fixture(scope="module", params=["committed", pytest.param("complete", marks=pytest.mark.shared)])
def golden(request, tmp_path_factory):
    if request.param == "committed":
        return Golden.committed()
    return Golden.complete(request.getfixturevalue("shared") / "golden" / "a", tmp_path_factory.mktemp("golden-a"))


@pytest.fixture(scope="module", params=["unmerged", "merged"])
def model(request, golden):
    return LTUAS.from_pretrained(golden.folder, merge=request.param == "merged")


@pytest.fixture(scope="module")
def features(golden, model):
    @cache
    def of(sound: str):
        return None if sound == "none" else model.features([golden.sound(sound)])

    return of


@pytest.mark.parametrize("sound", SOUNDS)
def test_mel_is_that_of_the_original(golden, sound):
    mel = pad_or_trim(log_mel(golden.sound(sound)), 1000)
    assert golden.difference(f"{sound}.mel", mel[None]) <= MEL


@pytest.mark.parametrize("sound", SOUNDS)
def test_features_are_those_of_the_original(golden, features, sound):
    assert golden.difference(f"{sound}.feat", features(sound)[0]) <= AUDIO


def test_int16_and_float32_sound_give_the_same_features(golden, model, features):
    as_float = golden.sound("w3s").astype(np.float32) / 32768
    assert torch.equal(model.features([as_float]), features("w3s"))


@pytest.mark.parametrize("sound", ["w3s", "w12s"])
def test_audio_tokens_are_those_of_the_original(golden, model, features, sound):
    assert golden.difference(f"{sound}.tltr_out", model.tltr(features(sound))) <= AUDIO
    assert golden.difference(f"{sound}.audio_emb", model.audio_embeddings(features(sound))) <= AUDIO


@pytest.mark.parametrize("n_samples", [0, 1, 159, 160, 200])
def test_sound_that_the_original_fails_on_is_refused_in_one_line(model, n_samples):
    with pytest.raises(AudioError, match=rf"too short: {n_samples} samples, at least 201") as error:
        model.features([np.zeros(n_samples, np.int16)])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_prompt_text_and_ids_are_those_of_the_original(golden, model, prompt):
    question, transcript = golden.texts["config"]["instruction"], golden.texts["config"]["transcript"]
    text = render(question, transcript if prompt == "trans" else None)
    assert text == golden.texts["prompts"][prompt]["text"]
    assert model.tokenizer.encode(text) == golden.texts["prompts"][prompt]["input_ids"]


def test_answers_are_decoded_as_the_original_shows_them(golden, model):
    n_prompt = golden.texts["prompts"]["trans"]["n_tokens"]
    for name, case in golden.texts["postprocess"].items():
        if name.endswith(".eos"):
            assert model.tokenizer.decode(case["ids"][n_prompt:]) == case["gradio_output"]


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("sound", HEARD)
def test_logits_are_those_of_the_original(golden, model, features, sound, prompt):
    logits = model(golden.tensors[f"input_ids.{prompt}"], features(sound))
    assert golden.difference(f"{sound}.{prompt}.logits", logits) <= LOGITS


DECODINGS = {
    "greedy": (Decoding.greedy(max_new_tokens=12), None),
    "greedy_rp": (Decoding.greedy(max_new_tokens=12, repetition_penalty=1.1), "post_penalty_scores"),
    "paper_sampling": (Decoding.original(max_new_tokens=12, seed=0), "scores_after_warpers"),
}
GENERATED = [(sound, prompt, "greedy") for sound in HEARD for prompt in PROMPTS] + [
    (sound, prompt, how)
    for sound, prompt in [("w3s", "trans"), ("w12s", "trans"), ("none", "trans"), ("none", "notrans")]
    for how in ["greedy_rp", "paper_sampling"]
]


@pytest.mark.parametrize("case", GENERATED, ids=".".join)
def test_answers_are_those_of_the_original_token_by_token(golden, model, features, case):
    name, (sound, prompt, how) = ".".join(case), case
    decoding, scores = DECODINGS[how]
    (answer,) = model.generate([golden.ids(f"input_ids.{prompt}")], features(sound), decoding)
    assert list(answer.tokens) == golden.ids(f"{name}.tokens")
    assert golden.difference(f"{name}.raw_logits", answer.logits) <= LOGITS
    if scores:
        assert golden.difference(f"{name}.{scores}", answer.scores) <= SCORES


def test_the_penalty_looks_at_the_prompt(golden, model, features):
    """Without the prompt's ids the original's answer would differ at its seventh token."""
    (step, *_) = model.generate([golden.ids("input_ids.trans")], features("w3s"), DECODINGS["greedy_rp"][0])
    in_prompt = sorted(set(golden.ids("input_ids.trans")))
    assert not torch.equal(step.scores[0, in_prompt], step.logits[0, in_prompt])
    others = sorted(set(range(320)) - set(in_prompt))
    assert torch.equal(step.scores[0, others], step.logits[0, others])


def test_an_unknown_token_in_the_prompt_is_read_like_any_other(golden, model, features):
    """The original masks it, and a position of the audio with it; we do not."""
    logits = model(golden.tensors["unk_in_prompt.input_ids"], features("w3s"))
    assert golden.difference("unk_in_prompt.forward_nomask_logits", logits) <= LOGITS


def test_sound_and_adapters_show_in_the_logits(golden, model, features):
    ids = golden.tensors["input_ids.trans"]
    heard = model(ids, features("w3s"))
    assert (heard - model(ids, features("w12s"))).abs().max() > 2
    assert (heard - model(ids)).abs().max() > 17


def test_without_its_adapters_the_language_model_is_the_base_model(golden, features):
    model = LTUAS.from_pretrained(golden.folder, merge=False)
    for module in model.modules():
        if isinstance(module, LoRALinear):
            nn.init.zeros_(module.lora_B.weight)
    logits = model(golden.tensors["input_ids.trans"], features("w3s"))
    assert golden.difference("lora_off.logits", logits) <= LOGITS
    assert golden.difference("w3s.trans.logits", logits) > 1


def test_a_training_batch_has_the_loss_of_the_original(golden, model):
    """Its collator pads on the left, between audio and text, and lets pads take up positions."""
    ids, labels = golden.tensors["train_batch.input_ids"], golden.tensors["train_batch.labels"]
    mask = golden.tensors["train_batch.attention_mask"][:, -ids.shape[1] :]
    features = torch.stack([golden.tensors["w3s.feat"], golden.tensors["w12s.feat"]])
    position_ids = torch.arange(features.shape[2] + ids.shape[1]).expand(2, -1)
    logits = model(ids, features, attention_mask=mask, position_ids=position_ids)
    loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    assert largest_difference(golden.tensors["train_batch.loss"], loss[None]) <= LOGITS
    assert golden.difference("train_batch.logits", logits) <= LOGITS


@pytest.mark.shared
def test_half_precision_stays_near_the_original_half_precision(shared, tmp_path):
    golden = Golden.complete(shared / "golden" / "a", tmp_path)
    model = LTUAS.from_pretrained(golden.folder, dtype="float16", merge=False)
    features = model.features([golden.sound("w3s")])
    assert torch.equal(features, features.half().float())  # rounded as the original's are
    assert golden.difference("fp16.tltr_out", model.tltr(features)) <= 5e-2
    assert golden.difference("fp16.audio_emb", model.audio_embeddings(features)) <= 5e-2
    assert golden.difference("fp16.logits", model(golden.tensors["input_ids.trans"], features)) <= 5e-2


def test_tltr_and_projection_agree_at_their_real_size():
    expected = load_file(HERE / "c_expected.safetensors")
    texts = json.loads((HERE / "c_expected.json").read_text(encoding="utf-8"))
    config = LTUASConfig(
        name="golden-c",
        whisper=WhisperConfig(d_model=1280, layers=32, heads=20, ffn=5120, positions=500),
        llama=LlamaConfig(**texts["llama_config"]),
        lora=LoraConfig(),
    )
    with torch.device("meta"):
        model = LTUAS(config, Tokenizer.from_file(HERE / "a" / TOKENIZER_NAME)).requires_grad_(requires_grad=False)
    model.whisper = nn.Module()  # its 600 million weights have no part in set c
    weights = {from_published(key): recipe(key, shape) for key, shape in texts["params"].items()}
    model.load_state_dict(weights, assign=True)
    model.llama.model.rotary_emb = type(model.llama.model.rotary_emb)(model.llama.config)
    model.eval()
    features = np.random.RandomState(4242).standard_normal((1, 32, 25, 1280)).astype(np.float32) * np.float32(2.0)
    features = torch.from_numpy(features)
    assert torch.equal(features[0, 0, 0], expected["feat_first_row"])
    tltr = model.tltr(features)
    assert largest_difference(expected["tltr_out"], tltr) <= AUDIO
    audio_embeddings = model.audio_proj(tltr)
    assert largest_difference(expected["audio_emb"], audio_embeddings) <= AUDIO
    logits = model(expected["input_ids"], audio_embeddings=audio_embeddings)
    assert largest_difference(expected["logits"], logits) <= LOGITS
    (answer,) = model.generate(expected["input_ids"].tolist(), features, DECODINGS["greedy"][0])
    assert list(answer.tokens) == expected["greedy.tokens"].tolist()
    assert largest_difference(expected["greedy.raw_logits"], answer.logits) <= LOGITS
