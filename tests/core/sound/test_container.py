"""What the first bytes say."""

import numpy as np
import pytest
import soundfile

from core.sound.container import START_BYTES, Beginning, kind_of
from tests.core.sound.encoding import encode, mp3, tone, wav

SOUNDFILE = {"FLAC": "FLAC", "OGG": "Ogg", "AIFF": "AIFF", "AU": "AU", "CAF": "CAF", "W64": "W64", "RF64": "WAV"}
ENCODED = {
    "MP4": ("ipod", "aac"),
    "WebM or Matroska": ("webm", "libopus"),
    "AAC": ("adts", "aac"),
    "WMA": ("asf", "pcm_s16le"),
    "WavPack": ("wv", "wavpack"),
}


@pytest.mark.parametrize("written", SOUNDFILE)
def test_files_that_libsndfile_writes_are_recognised(tmp_path, written):
    soundfile.write(tmp_path / "a", tone(16_000, 0.5), 16_000, format=written)
    assert kind_of((tmp_path / "a").read_bytes()) == SOUNDFILE[written]


@pytest.mark.parametrize("kind", ENCODED)
def test_files_that_ffmpeg_writes_are_recognised(tmp_path, kind):
    container, codec = ENCODED[kind]
    encode(tmp_path / "a", tone(48_000, 0.5), container=container, codec=codec)
    assert kind_of((tmp_path / "a").read_bytes()) == kind


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 32_000, 44_100, 48_000])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("tapped", [0, 33])
def test_an_mp3_is_recognised_by_its_frames_wherever_it_was_tapped(tmp_path, rate_hz, mode, tapped):
    content = mp3(tmp_path / "a", tone(rate_hz, 1.0), rate_hz, mode=mode, states_length=False)
    assert kind_of(content[tapped:]) == "MP3"


def test_raw_samples_are_not_taken_for_a_file_however_loud():
    samples = np.random.default_rng(0).integers(-32768, 32768, (200, START_BYTES // 2)).astype("<i2")
    assert {kind_of(one.tobytes()) for one in samples} == {None}
    assert kind_of(b"\xff" * START_BYTES) is None


@pytest.mark.parametrize("size", [1, 7, 1_000, 10_000])
def test_a_stream_is_recognised_however_it_is_cut_up(tmp_path, size):
    for content in (mp3(tmp_path / "a", tone(16_000, 3.0), 16_000, states_length=False), wav(np.zeros(9_000))):
        beginning = Beginning()
        found = [beginning.push(content[at : at + size]) for at in range(0, len(content), size)]
        assert kind_of(content) in found


def test_what_comes_later_in_a_stream_is_raw_whatever_it_looks_like():
    beginning = Beginning()
    assert beginning.push(bytes(START_BYTES)) is None
    assert beginning.push(b"RIFF\0\0\0\0WAVE") is None
