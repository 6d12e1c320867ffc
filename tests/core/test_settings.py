"""Settings come from defaults, file, environment and flags, in that order, and mistakes are named."""

import re
import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from core.errors import UsageError
from core.settings import Settings, load_settings

DEFAULT_TOML = Path(__file__).parents[2] / "config" / "default.toml"


def test_the_commented_file_holds_exactly_the_defaults():
    loaded = load_settings(file=DEFAULT_TOML, environ={})
    assert loaded == replace(Settings(), mqtt=loaded.mqtt)
    in_file = {(section, key) for section, keys in tomllib.loads(DEFAULT_TOML.read_text()).items() for key in keys}
    in_code = {(section, key) for section, keys in asdict(Settings()).items() for key in keys}
    assert in_code - in_file == {("mqtt", "node")}, "node depends on the machine and stands there as a comment"


def test_flags_win_over_environment_over_file_over_defaults(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('[segmenter]\nhangover_s = 0.7\npre_roll_s = 0.1\n[model]\nprompt = "ambiguous"\n')
    environ = {"EMOTION_MONITOR_SEGMENTER__HANGOVER_S": "0.8", "EMOTION_MONITOR_MODEL__PROMPT": "single"}
    settings = load_settings(file=file, environ=environ, flags={"segmenter": {"hangover_s": 0.9}})
    assert settings.segmenter.hangover_s == 0.9
    assert settings.model.prompt == "single"
    assert settings.segmenter.pre_roll_s == 0.1
    assert settings.segmenter.post_pad_s == Settings().segmenter.post_pad_s


def test_lists_in_the_environment_are_separated_by_commas():
    settings = load_settings(environ={"EMOTION_MONITOR_SOURCE__SOURCES": "mic,file:a b.wav"})
    assert settings.source.sources == ("mic", "file:a b.wav")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[segmenter]\nhang_over_s = 1",
            r"mine\.toml: unknown setting segmenter\.hang_over_s \(did you mean hangover_s\?\)",
        ),
        ("[segmentor]\nhangover_s = 1", r"mine\.toml: unknown setting \[segmentor\] \(did you mean segmenter\?\)"),
        ("[segmenter]\nhangover_s = -1", r"mine\.toml: segmenter\.hangover_s = -1: .*greater than 0"),
        ("[model]\nprompt = 'triple'", r"mine\.toml: model\.prompt = 'triple': .*'single' or 'ambiguous'"),
        ("[source]\nspeed = 'fast'", r"mine\.toml: source\.speed = 'fast': "),
        ("segmenter = 3", r"mine\.toml: segmenter must be a section"),
        ("[segmenter\n", r"mine\.toml: not readable as TOML"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_that_names_file_and_key(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_settings(file=file, environ={})
    line = caught.value.one_line()
    assert re.search(message, line), line
    assert "\n" not in line
    assert caught.value.exit_code == 2


def test_a_mistake_in_the_environment_or_on_the_command_line_says_so():
    with pytest.raises(UsageError, match=r"environment: unknown setting mqtt\.urll"):
        load_settings(environ={"EMOTION_MONITOR_MQTT__URLL": "x"})
    with pytest.raises(UsageError, match="environment: EMOTION_MONITOR_MQTT is not of the form"):
        load_settings(environ={"EMOTION_MONITOR_MQTT": "x"})
    with pytest.raises(UsageError, match=r"command line: model\.readout = 'x'"):
        load_settings(environ={}, flags={"model": {"readout": "x"}})


def test_a_missing_settings_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="no such settings file"):
        load_settings(file=tmp_path / "none.toml", environ={})


def test_the_password_variable_is_no_setting():
    assert load_settings(environ={"EMOTION_MONITOR_MQTT__PASSWORD": "secret"}) == load_settings(environ={})
