"""Settings come from defaults, file, environment and flags, in that order, and mistakes are named."""

import re
import tomllib
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import UsageError
from core.settings import Settings
from core.settings_file import load_settings

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
        ("[source]\nspeed = 'fast'", r"mine\.toml: source\.speed = 'fast': input should be 'max' or a valid number$"),
        ("[source]\nspeed = -1", r"mine\.toml: source\.speed = -1: input should be 'max' or greater than 0$"),
        ("[dashboard]\nascii = 'no way'", r"ascii = 'no way': input should be 'auto' or a valid boolean$"),
        ("[output]\njsonl_events = ['a', 'a']", r"jsonl_events = 'a': input should be 'utterance', .* or 'note'$"),
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a = {'[' * 100_000}", r"mine\.toml: not readable as TOML: nested too deeply"),
        (f"a = {'9' * 5000}", r"mine\.toml: not readable as TOML"),
        (f"[model]\nname.{'a.' * 2000}a = 1", r"mine\.toml: model\.name = \{'a': .*\.\.\..*: input should be"),
        (f"[model]\nname = 0x{'f' * 5000}", r"mine\.toml: model\.name = a number of very many digits: input should be"),
    ],
    ids=["lists in lists", "digits", "tables in tables", "hexadecimal digits"],
)
def test_values_without_end_are_one_short_line_too(tmp_path, text, message):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        load_settings(file=file, environ={})
    assert len(caught.value.one_line()) < 500 + len(str(file))


def test_a_mistake_in_the_environment_or_on_the_command_line_says_so():
    with pytest.raises(UsageError, match=r"environment: unknown setting mqtt\.urll"):
        load_settings(environ={"EMOTION_MONITOR_MQTT__URLL": "x"})
    with pytest.raises(UsageError, match="environment: EMOTION_MONITOR_MQTT is not of the form"):
        load_settings(environ={"EMOTION_MONITOR_MQTT": "x"})
    with pytest.raises(UsageError, match=r"command line: model\.readout = 'x'"):
        load_settings(environ={}, flags={"model": {"readout": "x"}})


def test_a_byte_order_mark_changes_nothing(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_bytes(b"\xef\xbb\xbf[segmenter]\r\nhangover_s = 0.7\r\n")
    assert load_settings(file=file, environ={}).segmenter.hangover_s == 0.7


KEYS = [(section, key) for section, keys in asdict(Settings()).items() for key in keys]
VALUES = ["1", "-1", "0.5", "nan", "inf", "true", "1979-05-27", "07:32:00", "''", "'auto'", "'max'", "{}", "[]"]
VALUES += ["['a', 1]", "{a = 'b'}", f"0x{'f' * 5000}", "9" * 5000, "1e999", '"""\n"""', r'"\u0000"']
values = st.one_of(
    st.sampled_from(VALUES),
    st.integers(1, 3000).map(lambda depth: "[" * depth + "]" * depth),
    st.text(max_size=10),
)
lines = st.one_of(
    st.builds("{0[0]}.{0[1]} = {1}".format, st.sampled_from(KEYS), values),
    st.builds("[{0[0]}]\n{0[1]} = {1}".format, st.sampled_from(KEYS), values),
    st.integers(1, 2000).map(lambda depth: f"dashboard.keymap{'.a' * depth} = 1"),
    st.text(max_size=20),
)
contents = st.one_of(st.lists(lines, max_size=4).map(lambda some: "\n".join(some).encode()), st.binary(max_size=40))


@pytest.fixture(scope="module")
def any_file(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("settings") / "any.toml"


@pytest.mark.fuzz
@given(contents)
@example(b"dashboard.keymap = {}\ndashboard.keymap" + 400 * b".a" + b" = 1")
def test_any_bytes_are_settings_or_one_short_line_of_ours(any_file, content):
    any_file.write_bytes(content)
    try:
        assert isinstance(load_settings(file=any_file, environ={}), Settings)
    except UsageError as error:
        said = error.one_line()
        assert said.startswith(str(any_file))
        assert len(said) < 2000


def test_a_missing_settings_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="no such settings file"):
        load_settings(file=tmp_path / "none.toml", environ={})


def test_the_password_variable_is_no_setting():
    assert load_settings(environ={"EMOTION_MONITOR_MQTT__PASSWORD": "secret"}) == load_settings(environ={})
