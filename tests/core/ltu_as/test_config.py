import json
import math
from dataclasses import replace

import pytest

from core.errors import ModelError
from core.ltu_as.config import LTUAS_7B, AudioConfig, LTUASConfig, TranscriberConfig


def test_a_configuration_survives_its_file(tmp_path):
    config = replace(LTUAS_7B, transcriber=TranscriberConfig(folder="whisper-large-v2", language="en"))
    config.to_json(tmp_path / "config.json")
    assert LTUASConfig.from_json(tmp_path / "config.json") == config


def test_a_window_as_long_as_the_utterance_and_its_level_survive_the_file_too(tmp_path):
    config = replace(LTUAS_7B, audio=AudioConfig(pool=10, window="utterance", level=1.5))
    config.to_json(tmp_path / "config.json")
    assert LTUASConfig.from_json(tmp_path / "config.json") == config


def test_a_file_that_says_nothing_of_them_has_the_originals_fixed_window(tmp_path):
    LTUAS_7B.to_json(tmp_path / "config.json")
    values = json.loads((tmp_path / "config.json").read_text())
    del values["audio"]["window"], values["audio"]["level"]
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert LTUASConfig.from_json(tmp_path / "config.json") == LTUAS_7B


@pytest.mark.parametrize(
    ("samples", "tokens"), [(201, 1), (3200, 1), (3359, 1), (3360, 2), (159_999, 50), (160_000, 50), (300_000, 50)]
)
def test_every_begun_fifth_of_a_second_is_a_token_in_a_window_as_long_as_the_utterance(samples, tokens):
    assert AudioConfig(pool=10, window="utterance").tokens_of(samples) == tokens
    assert AudioConfig(pool=10).tokens_of(samples) == 50


def test_the_published_model_hears_ten_seconds_as_25_tokens():
    assert LTUAS_7B.audio.window_s == 10
    assert LTUAS_7B.audio.tokens == 25
    assert LTUAS_7B.lora.scale == 2


@pytest.fixture
def written(tmp_path):
    """Writes a changed configuration; the error that reading it gives."""

    def write(change):
        path = tmp_path / "config.json"
        LTUAS_7B.to_json(path)
        values = json.loads(path.read_text())
        change(values)
        path.write_text(json.dumps(values))
        with pytest.raises(ModelError) as error:
            LTUASConfig.from_json(path)
        return error.value.one_line()

    return write


def test_an_unknown_key_is_named(written):
    assert "config.json: llama.hidden_sise" in written(lambda c: c["llama"].update(hidden_sise=3))


def test_a_missing_key_is_named(written):
    assert "config.json: whisper.layers: field required" in written(lambda c: c["whisper"].pop("layers"))


def test_a_value_of_the_wrong_kind_is_named(written):
    assert "config.json: lora.r" in written(lambda c: c["lora"].update(r="eight"))


def test_sizes_that_contradict_each_other_are_named(written):
    assert "hidden_size = 4097 is not a multiple of" in written(lambda c: c["llama"].update(hidden_size=4097))
    assert "positions = 100 is less than" in written(lambda c: c["whisper"].update(positions=100))
    assert "audio.pool: input should be greater than" in written(lambda c: c["audio"].update(pool=0))


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("llama", "rms_norm_eps", math.nan),
        ("llama", "rms_norm_eps", math.inf),
        ("llama", "rms_norm_eps", -1.0),
        ("llama", "num_hidden_layers", 1_000_000_000),
        ("llama", "num_hidden_layers", 0),
        ("llama", "rope_theta", 0.0),
        ("whisper", "layers", 10**30),
        ("whisper", "positions", 10**12),
        ("audio", "level", math.nan),
        ("lora", "alpha", math.inf),
    ],
)
def test_a_number_that_no_model_has_is_named_before_anything_is_built(written, section, key, value):
    assert f"config.json: {section}.{key}" in written(lambda c: c[section].update({key: value}))


def test_another_programs_configuration_is_refused(written):
    assert "not the configuration of an LTU-AS model folder" in written(lambda c: c.update(format="llama"))


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_configuration_is_refused(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        LTUASConfig.from_json(tmp_path / "config.json")


def test_a_window_that_does_not_divide_into_tokens_is_refused():
    with pytest.raises(ValueError, match="mel_frames = 1001"):
        replace(LTUAS_7B, audio=AudioConfig(mel_frames=1001))
