"""What is done here in place of transformers' processors, some of which want packages for images, held against them."""

import json

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from core.speech_llm.families import FAMILIES
from core.speech_llm.families.family import halved_twice
from core.speech_llm.families.granite_speech import Spectrogram
from core.speech_llm.families.qwen_omni import Qwen3Omni

QUESTION = "What do you hear?"
FRAMES = torch.arange(1, 3001)


def floats(sounds):
    return [np.pad(sound, (0, max(0, 1600 - len(sound)))).astype(np.float32) / 32768 for sound in sounds]


@pytest.mark.parametrize(
    ("model_type", "processor"), [("qwen2_audio", "Qwen2AudioProcessor"), ("audioflamingo3", "AudioFlamingo3Processor")]
)
def test_inputs_are_those_of_the_real_processor(folder_of, model_of, sounds, model_type, processor):
    import transformers

    model, family, folder = model_of(model_type), FAMILIES[model_type], folder_of(model_type)
    tokenizer = family.tokenizer(folder)
    real = getattr(transformers, processor)(feature_extractor=family.extractor(folder), tokenizer=tokenizer)
    text = model.prompts.text(QUESTION, None, sound=True)
    padded = {"text_kwargs": {"padding": True}}
    made = real(text=[text] * 3, audio=floats(sounds), sampling_rate=16_000, return_tensors="pt", **padded)
    ours = model.inputs(sounds, transcripts=[None] * 3, prompt=QUESTION)
    assert ours.keys() == made.keys()
    for name, value in made.items():
        if name not in ("input_ids", "attention_mask"):
            torch.testing.assert_close(ours[name], value, rtol=0, atol=0, check_dtype=False)
    for n in range(3):  # whichever side it pads
        kept = made["input_ids"][n][made["attention_mask"][n].bool()]
        assert kept.tolist() == ours["input_ids"][n][ours["attention_mask"][n].bool()].tolist()


def test_qwen2_audio_is_asked_as_its_processor_would(model_of):
    from transformers import Qwen2AudioProcessor

    own = Qwen2AudioProcessor.default_chat_template.fget(None)
    model = model_of("qwen2_audio")
    told = FAMILIES["qwen2_audio"].conversation(QUESTION, sound=True)
    expected = model.prompts.tokenizer.apply_chat_template(
        told, chat_template=own, tokenize=False, add_generation_prompt=True
    )
    assert model.prompts.text(QUESTION, None, sound=True) == expected


def test_qwen_omni_features_are_those_of_its_own_window_full_of_silence(sounds):
    from transformers import WhisperFeatureExtractor

    family, extractor = FAMILIES["qwen2_5_omni"], WhisperFeatureExtractor(feature_size=16, chunk_length=40)
    ours = family.hear(extractor, floats(sounds)).inputs
    whole = extractor(
        floats(sounds), sampling_rate=16_000, return_attention_mask=True, return_tensors="pt", padding="max_length"
    )
    width = ours["feature_attention_mask"].shape[1]
    assert whole["attention_mask"][:, width:].sum() == 0
    torch.testing.assert_close(ours["feature_attention_mask"], whole["attention_mask"][:, :width])
    there = ours["feature_attention_mask"][:, None].bool()
    torch.testing.assert_close(ours["input_features"] * there, whole["input_features"][..., :width] * there)


def test_audio_tokens_are_counted_as_the_real_processors_do():
    from transformers.models.qwen2_5_omni.processing_qwen2_5_omni import _get_feat_extract_output_lengths as in_2_5
    from transformers.models.qwen3_omni_moe.processing_qwen3_omni_moe import _get_feat_extract_output_lengths as in_3

    assert [halved_twice(n) for n in FRAMES.tolist()] == in_2_5(FRAMES).tolist()
    assert [Qwen3Omni().tokens(n) for n in FRAMES.tolist()] == in_3(FRAMES).tolist()


def test_voxtral_hears_as_its_processor_prepares_sound(folder_of, sounds):
    from transformers import VoxtralProcessor

    family = FAMILIES["voxtral"]
    extractor = family.extractor(folder_of("voxtral"))
    real = object.__new__(VoxtralProcessor)  # only its tokenizer needs mistral-common
    real.feature_extractor = extractor
    options = {name: value for name, value in VoxtralProcessor.audio_kwargs.items() if name != "max_source_positions"}
    expected = real._retrieve_input_features(floats(sounds), 3000, **options)
    ours = family.hear(extractor, floats(sounds))
    torch.testing.assert_close(ours.inputs["input_features"], expected)
    assert ours.tokens == [375] * 3


def test_granites_spectrogram_is_the_textbooks(sounds):
    (sound,) = floats(sounds[:1])
    bank = mel_filter_bank(257, 80, 0.0, 8000.0, 16_000)
    window = window_function(400, "hann", frame_length=512)
    power = spectrogram(sound, window, frame_length=512, hop_length=160, fft_length=512, power=2.0, mel_filters=bank)
    levels = np.log10(np.maximum(power.T, 1e-10))
    levels = np.maximum(levels, levels.max() - 8) / 4 + 1
    made = Spectrogram().of(sound)
    assert made.shape == (len(levels) // 2, 160)
    np.testing.assert_allclose(made.reshape(-1, 80), levels[: 2 * len(made)], rtol=0, atol=1e-4)


@pytest.mark.parametrize("model_type", ["audioflamingo3", "granite_speech"])
def test_an_extractor_is_found_where_newer_processors_keep_it(folder_of, tmp_path, model_type):
    family, folder = FAMILIES[model_type], folder_of(model_type)
    told = json.loads((folder / "preprocessor_config.json").read_text())
    (tmp_path / "processor_config.json").write_text(json.dumps({"feature_extractor": told}))
    (sound,) = floats([np.arange(5000, dtype=np.int16)])
    there, here = (family.hear(family.extractor(where), [sound]) for where in (folder, tmp_path))
    assert there.tokens == here.tokens
    torch.testing.assert_close(there.inputs, here.inputs)
