"""Bad input is one line on standard error and the right exit status; never a traceback, never silence."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file, save_file

from tests.program import REPOSITORY, SAMPLE, run

HEADLESS = ("--speed", "max", "--headless", "--sink", "jsonl", "--mqtt", "off")
MINI = REPOSITORY / "core" / "ltu_as" / "mini"


def refuse(done, code, *words):
    assert done.code == code, done.err
    assert done.out == ""
    assert done.err.count("\n") == 1, done.err
    for word in words:
        assert word in done.err


def write(path: Path, samples, rate=16_000, subtype=None) -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def play(path, *more, model="fake"):
    return run("run", "--source", f"file:{path}", *HEADLESS, "--model", model, *more)


def test_a_missing_file():
    refuse(play("nowhere.wav"), 2, "nowhere.wav")


def test_a_folder(tmp_path):
    refuse(play(tmp_path), 2, str(tmp_path))


def test_a_file_that_is_no_sound(tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("not sound at all")
    refuse(play(path), 1, "text.wav")


def test_a_file_of_zero_bytes_and_one_of_zero_samples(tmp_path):
    empty = tmp_path / "empty.wav"
    empty.touch()
    refuse(play(empty), 1, "empty.wav")
    refuse(play(write(tmp_path / "none.wav", np.zeros(0, np.float32))), 1, "none.wav")


def test_one_sample_is_heard_and_gives_no_reading(tmp_path):
    done = play(write(tmp_path / "one.wav", np.zeros(1, np.float32)))
    assert (done.code, done.out) == (0, "")


def test_samples_that_are_no_numbers_count_as_silence_and_are_reported(tmp_path):
    speech, rate = soundfile.read(SAMPLE, frames=48_000 * 6, dtype="float32")
    speech[10_000:10_050] = np.nan
    done = play(write(tmp_path / "nan.wav", speech, rate, "FLOAT"))
    assert done.code == 0
    assert done.events_of("utterance")
    assert any("50" in event["message"] for event in done.events_of("error"))


def test_eight_channels_at_192_khz_work(tmp_path):
    speech, rate = soundfile.read(SAMPLE, frames=48_000 * 5, dtype="float32")
    wide = np.repeat(np.repeat(speech, 4)[:, None], 8, axis=1)
    done = play(write(tmp_path / "wide.wav", wide, rate * 4))
    assert done.code == 0, done.err
    assert done.events_of("utterance")


@pytest.mark.parametrize("source", ["microphone", "file:", "talk.wav", "http://x", "ws://0.0.0.0:9911"])
def test_a_source_that_is_none(source):
    refuse(run("run", "--source", source, *HEADLESS, "--model", "fake"), 2, source)


def test_a_microphone_that_is_not_there():
    done = run("run", "--source", "mic:No Such Device", *HEADLESS, "--model", "fake")
    refuse(done, done.code, "microphone")
    assert done.code in {1, 2}, "1 where there is no microphone at all, 2 where there are others"


def test_a_sink_that_is_none():
    refuse(run("run", "--source", f"file:{SAMPLE}", "--headless", "--sink", "csv", "--mqtt", "off"), 2, "csv", "jsonl")


def test_an_output_file_that_cannot_be_written(tmp_path):
    done = run(
        *("run", "--source", f"file:{SAMPLE}", "--headless", "--mqtt", "off", "--model", "fake"),
        *("--sink", f"jsonl:{tmp_path / 'no' / 'such' / 'folder'}"),
    )
    refuse(done, 2, "folder")


def test_an_unknown_key_of_the_settings_file_is_named_with_a_guess(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("[segmenter]\nhangovr_s = 1\n")
    refuse(play(SAMPLE, "--config", str(file)), 2, "mine.toml", "segmenter.hangovr_s", "did you mean hangover_s?")


def test_an_unfit_flag_is_named():
    refuse(run("run", "--source", f"file:{SAMPLE}", "--headless", "--speed", "0"), 2, "source.speed")


def test_a_model_that_is_none(tmp_path):
    refuse(play(SAMPLE, model="ltu-as-maxi"), 2, "ltu-as-maxi", "ltu-as-mini")
    refuse(play(SAMPLE, model=str(tmp_path)), 2, str(tmp_path), "config.json")


@pytest.fixture
def mini_copy(tmp_path):
    return Path(shutil.copytree(MINI, tmp_path / "model"))


@pytest.mark.fault(14, "weights cut short, whole program")
def test_a_truncated_model_file(mini_copy):
    weights = mini_copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    refuse(play(SAMPLE, model=str(mini_copy)), 1, "model.safetensors")


def test_a_renamed_tensor(mini_copy):
    weights = mini_copy / "model.safetensors"
    tensors = load_file(weights)
    tensors["audio_proj.1.wait"] = tensors.pop("audio_proj.1.weight")
    save_file(tensors, weights)
    refuse(play(SAMPLE, model=str(mini_copy)), 1, "model.safetensors", "audio_proj.1.wait")


def test_a_tensor_of_another_shape(mini_copy):
    weights = mini_copy / "model.safetensors"
    tensors = load_file(weights)
    tensors["audio_proj.1.bias"] = tensors["audio_proj.1.bias"][:-1]
    save_file(tensors, weights)
    refuse(play(SAMPLE, model=str(mini_copy)), 1, "audio_proj.1.bias", "shape")


def test_a_configuration_with_an_unknown_key(mini_copy):
    config = mini_copy / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"temprature": 1}))
    refuse(play(SAMPLE, model=str(mini_copy)), 1, "config.json", "temprature")


def test_a_broker_that_is_not_there_costs_nothing_but_is_said():
    done = run(
        *("run", "--source", f"file:{SAMPLE}", "--speed", "max", "--headless", "--sink", "jsonl", "--model", "fake"),
        *("--mqtt", "mqtt://127.0.0.1:9"),
    )
    assert done.code == 0
    assert len(done.events_of("utterance")) >= 5
    assert "mqtt" in done.err
    assert "Traceback" not in done.err


def test_a_password_in_the_broker_url_is_refused():
    done = run("run", "--source", f"file:{SAMPLE}", "--headless", "--mqtt", "mqtt://me:secret@127.0.0.1")
    refuse(done, 2, "mqtt.url")
    assert "secret" not in done.err


@pytest.mark.parametrize(("words", "named"), [(["listen"], "listen"), (["run", "--sauce", "mic"], "--sauce")])
def test_an_unknown_command_or_flag_is_named(words, named):
    refuse(run(*words), 2, named)
