"""Which source a user's words mean."""

import shutil

import numpy as np
import pytest
import soundfile

from core.errors import UsageError
from monitor.sources.file import FileSource
from monitor.sources.opening import SAMPLE, open_source, tell_apart


@pytest.fixture
def talk(tmp_path):
    soundfile.write(tmp_path / "talk.wav", np.zeros(16_000), 16_000)
    return tmp_path / "talk.wav"


def test_a_path_after_file_is_a_file(talk):
    source = open_source(f"file:{talk}")
    assert source.name == "file:talk.wav"
    assert source.realtime
    assert not open_source(f"file:{talk}", speed="max").realtime


def test_a_path_may_begin_with_the_home_folder(talk, monkeypatch):
    monkeypatch.setenv("HOME", str(talk.parent))
    assert open_source("file:~/talk.wav").name == "file:talk.wav"


def test_a_path_may_hold_a_colon(talk):
    named = talk.rename(talk.with_name("10:30.wav"))
    assert open_source(f"file:{named}").name == "file:10:30.wav"


def test_a_name_after_a_sign_is_what_the_user_calls_a_source(talk):
    source = open_source(f"file:{talk}=alice")
    assert (source.name, source.label) == ("file:talk.wav", "alice")
    assert open_source("ws://127.0.0.1:0=door").label == "door"
    assert open_source(f"file:{talk}").label is None


def test_a_file_with_a_sign_in_its_name_stays_a_file(talk):
    whole = talk.rename(talk.with_name("a=b"))
    source = open_source(f"file:{whole}")
    assert (source.name, source.label) == ("file:a=b", None)
    assert open_source(f"file:{whole}=alice").label == "alice"


def test_two_files_of_one_name_are_called_by_their_folders_too(talk):
    other = talk.parent / "tuesday" / "talk.wav"
    other.parent.mkdir()
    shutil.copy(talk, other)
    sources = [open_source(f"file:{path}") for path in (other, talk)]
    tell_apart(sources)
    assert [source.name for source in sources] == ["file:tuesday/talk.wav", f"file:{talk.parent.name}/talk.wav"]


def test_two_sources_of_one_name_are_refused(talk):
    with pytest.raises(UsageError, match="2 sources are called alice"):
        tell_apart([open_source(f"file:{talk}=alice") for _ in range(2)])


def test_a_missing_file_is_found_at_once():
    with pytest.raises(UsageError, match=r"nope\.wav: no such file"):
        open_source("file:nope.wav")


@pytest.mark.parametrize(
    ("spec", "suggestion"),
    [
        ("talk.wav", "did you mean file:talk.wav?"),
        ("fil:a/b.wav", "did you mean file:a/b.wav?"),
        ("FILE:a.wav", "did you mean file:a.wav?"),
        ("file", "did you mean file:PATH?"),
        ("file:", "did you mean file:PATH?"),
        ("mic:", "did you mean mic:NAME?"),
        ("Mic:USB", "did you mean mic:USB?"),
        ("micro", "did you mean mic?"),
        ("std", "did you mean stdin?"),
        ("atuo", "did you mean auto?"),
        ("", "sources are auto, mic, stdin, mic:NAME, file:PATH, ws://HOST:PORT"),
        ("http://example.org/a", "sources are auto, mic, stdin, mic:NAME, file:PATH, ws://HOST:PORT"),
        ("ws:", "ws://127.0.0.1:8765, for example; ws://127.0.0.1:0 takes any free port"),
    ],
)
def test_what_is_no_source_is_refused_with_what_may_have_been_meant(spec, suggestion):
    with pytest.raises(UsageError) as raised:
        open_source(spec)
    assert raised.value.hint == suggestion


@pytest.mark.parametrize("speed", [0, -1.0, float("nan"), float("inf")])
def test_an_impossible_speed_is_refused(talk, speed):
    with pytest.raises(UsageError, match="not possible"):
        open_source(f"file:{talk}", speed=speed)


async def test_the_shipped_sample_is_forty_four_seconds_of_speech():
    async with FileSource(SAMPLE, speed="max") as source:
        heard = np.concatenate([block.samples async for block in source.blocks()])
    assert len(heard) == 709_986
    assert 300 < np.sqrt(np.mean(heard.astype(float) ** 2)) < 3_000


def test_the_shipped_sample_is_the_one_its_attribution_names(shared):
    assert SAMPLE.read_bytes() == (shared / "sample" / SAMPLE.name).read_bytes()
    assert SAMPLE.name in (SAMPLE.parent / "ATTRIBUTION.md").read_text()
