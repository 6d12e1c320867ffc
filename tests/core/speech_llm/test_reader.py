import json
import math
import re
import resource
import shutil
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import EmotionMonitorError, ModelError, UsageError
from core.ltu_as.abstention import Abstention
from core.ltu_as.calibration import Calibration, Entry, LogProbabilities
from core.ltu_as.decode import Decoding
from core.ltu_as.readout import Kind, readout
from core.settings import ModelSettings
from core.speech_llm.loading import stored_dtype
from core.speech_llm.reader import SpeechLLMReader
from core.worker.models import load_model

LIKELY = ("qwen2_audio", "qwen2_5_omni", "audioflamingo3", "voxtral")


@pytest.fixture
def own(folder_of, tmp_path):
    """A Voxtral folder of one's own."""
    return shutil.copytree(folder_of("voxtral"), tmp_path / "mine")


@pytest.fixture(scope="module")
def reader(folder_of):
    return SpeechLLMReader(folder_of("voxtral"))


def test_readings_are_the_read_outs_of_what_the_model_answers(reader, sounds):
    readings = reader.read(sounds)
    steps = reader.answers(sounds, transcripts=[None] * 3, decoding=Decoding(max_new_tokens=1))
    for reading, answer in zip(readings, steps, strict=True):
        expected = readout(answer, kind="seq_logprob")
        np.testing.assert_allclose(tuple(reading.distribution), tuple(expected), atol=1e-6)
        assert (reading.reason, reading.transcript, reading.truncated_s) == (None, None, 0.0)
        assert reading.explanation.answer is None
        assert reading.llm_ms > 0


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_read_out_reads_it(folder_of, sounds, kind):
    reader = SpeechLLMReader(folder_of("qwen2_5_omni"), readout=kind, prompt="ambiguous")
    assert (reader.stamp.readout, reader.stamp.prompt) == (kind, "ambiguous")
    (reading,) = reader.read(sounds[:1])
    assert reading.distribution is None or math.isclose(sum(reading.distribution), 1, abs_tol=1e-6)
    assert (reading.distribution is None) == (reading.reason is not None)


def test_an_explanation_has_the_answer_and_leaves_the_distribution_alone(reader, sounds):
    plain, explained = reader.read([sounds[0]] * 2, explain=[False, True])
    np.testing.assert_allclose(tuple(plain.distribution), tuple(explained.distribution), atol=1e-5)
    (answer,) = reader.answers(sounds[:1], transcripts=[None], decoding=Decoding())
    assert explained.explanation.answer == answer.text
    assert len(explained.explanation.steps) == len(answer.tokens) > 1


def test_bad_sound_has_a_reason(reader, sounds):
    short, fine = reader.read([sounds[0][:200], sounds[0]])
    assert (short.distribution, short.reason) == (None, "too short")
    assert fine.distribution is not None
    assert all(reading.reason is None for reading in reader.read([np.zeros(16_000, np.int16), sounds[0][:201]]))


def test_the_stamp_names_folder_and_weights(reader, folder_of):
    assert reader.stamp.name == folder_of("voxtral").name
    assert reader.stamp.sha256 != SpeechLLMReader(folder_of("audioflamingo3")).stamp.sha256
    assert (reader.device, reader.window_s, reader.transcribes) == ("cpu", 30.0, False)


def test_the_adapter_is_part_of_the_hash(folder_of, tmp_path):
    folder = shutil.copytree(folder_of("granite_speech"), tmp_path / "granite")
    before = SpeechLLMReader(folder).stamp.sha256
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file({name: 2 * tensor for name, tensor in tensors.items()}, folder / "adapter_model.safetensors")
    assert SpeechLLMReader(folder).stamp.sha256 != before


def test_a_calibration_in_the_folder_corrects_and_abstains(own, sounds):
    plain = SpeechLLMReader(own)
    prior = LogProbabilities(anger=-2, happiness=-1, sadness=-3, neutral=-0.5)
    calibration = Calibration(
        model_sha256=plain.stamp.sha256,
        fitted_on="nothing",
        entries=(Entry(prompt="single", readout="seq_logprob", temperature=2, prior=prior, prior_strength=1),),
        abstention=Abstention(min_level_dbfs=-30),
        neutral_odds=4,
    )
    calibration.to_json(own / "calibration.json")
    reader = SpeechLLMReader(own)
    assert reader.stamp.calibration is not None
    loud, quiet = reader.read([sounds[0], sounds[2]])
    expected = calibration.entries[0].apply(plain.read(sounds[:1])[0].distribution).expecting(4)
    np.testing.assert_allclose(tuple(loud.distribution), tuple(expected), atol=1e-6)
    assert quiet.reason == "too quiet"
    replace(calibration, model_sha256="0" * 64).to_json(own / "calibration.json")
    with pytest.raises(ModelError, match="fitted for weights 000000000000"):
        SpeechLLMReader(own)


@pytest.mark.parametrize("model_type", LIKELY)
def test_a_recording_is_listened_to_as_live(folder_of, model_type):
    import core
    from tests.program import SAMPLE

    opened = core.open_model(folder_of(model_type), device="cpu")
    heard = [next(utterances) for utterances in [opened.listen(SAMPLE)] for _ in range(2)]
    for utterance in heard:
        assert math.isclose(sum(utterance.reading.distribution), 1, abs_tol=1e-6)
        assert utterance.reading.model.sha256 == opened.stamp.sha256


def test_the_settings_decide_how_it_is_asked(folder_of):
    settings = ModelSettings(
        name=str(folder_of("voxtral")), prompt="ambiguous", readout="first_piece", pool="mean", scope="answer_position",
        neutral_odds=2.0,
    )  # fmt: skip
    stamp = load_model(settings, threads=0).stamp
    assert (stamp.prompt, stamp.readout) == ("ambiguous", "first_piece/mean/answer_position/neutral_odds=2")


def test_options_that_do_not_fit_are_refused(folder_of):
    with pytest.raises(UsageError, match="seq_logprob cannot pool the first piece only"):
        SpeechLLMReader(folder_of("voxtral"), pool="first")


def change_config(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def change_text(folder, **values):
    config = json.loads((folder / "config.json").read_text())
    change_config(folder, text_config=config["text_config"] | values)


def pickled(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def without_a_tensor(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("lm_head.weight", None) or tensors.pop(next(name for name in tensors if "lm_head" in name))
    tensors["unused"] = torch.zeros(100_000)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def not_finite(folder):
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if "lm_head" in name)
    save_file(tensors | {name: tensors[name] * torch.nan}, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: (f / "config.json").write_text(json.dumps({"model_type": "llama", "auto_map": {}})),
            r"'llama': there is no audio in this model; code that comes with a model is never run \(known: Qwen",
        ),
        (lambda f: change_config(f, model_type="new"), r"model_type 'new': not a speech LLM that this program knows"),
        (lambda f: change_config(f, model_type=["new"]), r"config\.json: not readable as the configuration"),
        (lambda f: change_text(f, rms_norm_eps=math.nan), r"rms_norm_eps = nan makes no sense"),
        (lambda f: change_text(f, num_hidden_layers=10**9), r"num_hidden_layers = 1e\+09 makes no sense"),
        (lambda f: change_text(f, hidden_size=1 << 30), r"hidden_size = 1\.07374e\+09 makes no sense"),
        (
            lambda f: change_text(f, num_hidden_layers=900),
            r"config\.json describes [\d,]+ parameters, the weights hold",
        ),
        (lambda f: change_text(f, hidden_act="none"), r"transformers cannot load it: .*none"),
        (lambda f: change_config(f, quantization_config={"bits": 4}), r"config\.json: the weights are quantised"),
        (pickled, r"the weights are pickled \(pytorch_model\.bin\), and unpickling can run any code: not opened"),
        (lambda f: (f / "model.safetensors").unlink(), r"model\.safetensors: no such file"),
        (
            lambda f: (f / "model.safetensors").write_bytes(b"x" * 99),
            r"model\.safetensors: not readable as safetensors",
        ),
        (without_a_tensor, r"tensor \S*lm_head\S* is missing \(1 are\)"),
        (not_finite, r"the model gives numbers that are not finite"),
        (lambda f: (f / "tekken.json").write_text("{}"), r"transformers cannot load it: "),
        (lambda f: (f / "tekken.json").unlink(), r"transformers cannot load it: "),
        (lambda f: (f / "preprocessor_config.json").unlink(), r"transformers cannot load it: "),
    ],
)
def test_a_folder_of_no_use_is_told_in_one_line(own, spoil, message):
    spoil(own)
    with pytest.raises(EmotionMonitorError) as caught:
        load_model(ModelSettings(name=str(own)), threads=0)
    told = caught.value.one_line()
    assert re.search(message, told)
    assert told.startswith(str(own))
    assert "\n" not in told


def test_a_model_beyond_the_memory_of_its_process_is_not_loaded(folder_of, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10**9, resource.RLIM_INFINITY))
    with pytest.raises(ModelError, match=r"needs some 2\.0 GB of memory and may take 1\.0 GB"):
        SpeechLLMReader(folder_of("voxtral"))


def test_a_template_without_a_place_of_sound_is_told(folder_of, tmp_path):
    folder = shutil.copytree(folder_of("audioflamingo3"), tmp_path / "flamingo")
    (folder / "chat_template.jinja").write_text("{{ messages[0].role }}")
    with pytest.raises(ModelError, match=r"the chat template has no place for sound \(<sound>\)"):
        SpeechLLMReader(folder)


def test_a_model_that_thinks_before_it_answers_is_told(folder_of, tmp_path):
    folder = shutil.copytree(folder_of("audioflamingo3"), tmp_path / "flamingo")
    own = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(own + "{{ '<think>\n' }}")
    with pytest.raises(ModelError, match="the model thinks aloud first"):
        SpeechLLMReader(folder)


@pytest.mark.parametrize(("model_type", "title"), [("gemma3n", "Gemma 3n"), ("gemma4", "Gemma 4")])
def test_a_gemma_without_an_ear_is_told(folder_of, tmp_path, model_type, title):
    folder = shutil.copytree(folder_of(model_type), tmp_path / "gemma")
    change_config(folder, audio_config=None)
    with pytest.raises(ModelError, match=f"there is no audio in this {title}"):
        SpeechLLMReader(folder)


def test_code_beside_a_known_model_is_not_run(folder_of, tmp_path, sounds):
    folder = shutil.copytree(folder_of("qwen2_audio"), tmp_path / "evil")
    remote = {"AutoModel": "evil.Model", "AutoTokenizer": ["evil.Tok", None], "AutoFeatureExtractor": "evil.Ear"}
    change_config(folder, auto_map=remote)
    for name in ("tokenizer_config.json", "preprocessor_config.json"):
        told = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(told | {"auto_map": remote}))
    (folder / "evil.py").write_text("raise SystemExit('run')")
    assert SpeechLLMReader(folder).read(sounds[:1])[0].distribution is not None


def test_a_package_that_is_missing_is_told(folder_of, monkeypatch):
    from core.speech_llm.families.gemma import Gemma3n

    monkeypatch.setattr(Gemma3n, "needs", ("no_eye", "no_ear"))
    with pytest.raises(ModelError, match="Gemma 3n needs no_eye and no_ear, which are not installed"):
        SpeechLLMReader(folder_of("gemma3n"))


def test_a_thinker_by_itself_reads_as_in_the_whole_model(folder_of, tmp_path, sounds):
    whole = folder_of("qwen2_5_omni")
    alone = shutil.copytree(whole, tmp_path / "thinker")
    config = json.loads((whole / "config.json").read_text())["thinker_config"]
    (alone / "config.json").write_text(json.dumps(config))
    tensors = load_file(whole / "model.safetensors")
    named = {name.removeprefix("thinker."): tensor for name, tensor in tensors.items()}
    save_file(named, alone / "model.safetensors", {"format": "pt"})
    one, other = (SpeechLLMReader(folder).read(sounds[:1])[0] for folder in (whole, alone))
    assert tuple(one.distribution) == pytest.approx(tuple(other.distribution), abs=1e-6)


@pytest.mark.parametrize(
    ("config", "dtype"),
    [
        ({"dtype": "float32"}, "float32"),
        ({"torch_dtype": "float16"}, "float16"),
        ({"thinker_config": {"text_config": {"dtype": "torch.float16"}}}, "float16"),
        ({"dtype": None, "text_config": {"vocab_size": 3}}, "bfloat16"),
        ({"dtype": "float8_e4m3fn"}, "bfloat16"),
    ],
)
def test_a_gpu_takes_the_precision_that_the_folder_names(config, dtype):
    assert stored_dtype(config) == dtype
