"""How long a sound file is: what is found in it, whatever is stated or estimated."""

import os

import numpy as np
import pytest
import soundfile

from core.errors import AudioError
from core.sound.audio import AudioFile, decode_blocks, read_audio
from core.sound.mono import pcm16
from tests.core.sound.encoding import aiff, encode, mp3, rf64, tone, wav

SPEECH = np.random.default_rng(0).integers(-9_000, 9_000, 16_000).astype(np.int16)
SOUND_BYTES = 2 * len(SPEECH)


def noise(duration_s, rate_hz=16_000, seed=0):
    return np.clip(np.random.default_rng(seed).standard_normal(round(duration_s * rate_hz)) * 0.1, -1, 1)


def read_until_error(path):
    heard = []
    with pytest.raises(AudioError) as raised:
        heard.extend(decode_blocks(path))
    return np.concatenate([np.empty(0, np.int16), *heard]), raised.value.one_line()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.wav"


class TestPlainSamples:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(wav(SPEECH, stated=0, riff=0), id="a killed recorder"),
            pytest.param(wav(SPEECH, stated=0, riff=36), id="a killed recorder that had counted its header"),
            pytest.param(wav(SPEECH, stated=SOUND_BYTES // 2, riff=36 + SOUND_BYTES // 2), id="stale"),
            pytest.param(wav(SPEECH, stated=0xFFFF_FFFF, riff=0xFFFF_FFFF), id="piped"),
            pytest.param(wav(SPEECH, stated=SOUND_BYTES + 16), id="16 bytes too long"),
            pytest.param(wav(SPEECH, stated=SOUND_BYTES + 44), id="44 bytes too long"),
            pytest.param(wav(SPEECH, behind=b"LIST\4\0\0\0INFO"), id="with another chunk behind"),
            pytest.param(rf64(SPEECH, stated=0), id="RF64 with an empty ds64"),
            pytest.param(rf64(SPEECH, stated=SOUND_BYTES), id="RF64"),
            pytest.param(aiff(SPEECH, stated=0), id="AIFF that was piped, of no length"),
            pytest.param(aiff(SPEECH, stated=2_130_706_440), id="AIFF that was piped, of the greatest length"),
        ],
    )
    def test_all_sound_is_read_whatever_the_header_states_and_nothing_else(self, path, content):
        path.write_bytes(content)
        assert np.array_equal(read_audio(path), SPEECH)
        with AudioFile(path) as audio:
            assert audio.duration_s == 1

    @pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "DOUBLE", "ALAW"])
    @pytest.mark.parametrize("suffix", ["wav", "aiff", "au"])
    def test_samples_of_every_kind_are_read_past_a_stale_length(self, tmp_path, suffix, subtype):
        path = tmp_path / f"a.{suffix}"
        subtype = "PCM_S8" if subtype == "PCM_U8" and suffix != "wav" else subtype
        soundfile.write(path, noise(0.5), 16_000, subtype=subtype)
        whole = read_audio(path)
        content = path.read_bytes()
        name, order, at = {"wav": (b"data", "little", 4), "aiff": (b"SSND", "big", 4), "au": (b".snd", "big", 8)}[
            suffix
        ]
        at += content.index(name)
        path.write_bytes(content[:at] + (4_000).to_bytes(4, order) + content[at + 4 :])
        heard = read_audio(path)
        assert np.array_equal(heard[: len(whole)], whole)

    def test_a_file_that_lost_its_end_gives_what_is_left_and_then_says_so(self, path):
        path.write_bytes(wav(SPEECH, stated=2 * SOUND_BYTES, riff=36 + 2 * SOUND_BYTES))
        heard, error = read_until_error(path)
        assert np.array_equal(heard, SPEECH)
        assert error == "a.wav is cut short: it ends after 1.00 s"

    @pytest.mark.parametrize("behind", [b"LIST\x40\0\0\0INFO", b"LIST\4\0\0\0INF"])
    def test_a_file_that_lost_the_end_of_another_chunk_has_all_its_sound(self, path, behind):
        path.write_bytes(wav(SPEECH, riff=36 + SOUND_BYTES + 72, behind=behind))
        assert np.array_equal(read_audio(path), SPEECH)


class TestJoinedRecordings:
    @pytest.mark.parametrize("kind", ["WAV", "AIFF", "FLAC", "AU"])
    def test_what_cat_makes_of_two_files_is_both(self, path, kind):
        parts = []
        for half in (SPEECH[:8_000], SPEECH[8_000:]):
            soundfile.write(path, half, 16_000, format=kind, subtype="PCM_16")
            parts.append(path.read_bytes())
        path.write_bytes(b"".join(parts))
        assert np.array_equal(read_audio(path), SPEECH)

    @pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
    def test_every_link_of_a_chained_ogg_is_heard(self, path, subtype):
        parts, sounds = [], []
        for seed in (1, 2, 3):
            soundfile.write(path, noise(0.5, seed=seed), 16_000, format="OGG", subtype=subtype)
            parts.append(path.read_bytes())
            sounds.append(read_audio(path))
        path.write_bytes(b"".join(parts))
        assert np.array_equal(read_audio(path), np.concatenate(sounds))
        with AudioFile(path) as audio:
            assert audio.duration_s == 1.5

    def test_links_may_differ_in_rate_and_channels(self, path):
        soundfile.write(path, tone(44_100, 1.0), 44_100, format="OGG", subtype="VORBIS")
        first = path.read_bytes()
        soundfile.write(path, np.tile(tone(8_000, 1.0)[:, np.newaxis], 2), 8_000, format="OGG", subtype="VORBIS")
        path.write_bytes(first + path.read_bytes())
        heard = read_audio(path)
        assert len(heard) == pytest.approx(32_000, abs=2)
        for start in (4_000, 20_000):
            middle = heard[start : start + 8_000]
            assert np.corrcoef(middle, pcm16(tone(16_000, 2.0))[start : start + 8_000])[0, 1] > 0.99

    def test_a_link_that_lost_its_end_is_told_after_all_others_were_heard(self, path):
        soundfile.write(path, noise(6.0), 16_000, format="OGG", subtype="VORBIS")
        link = path.read_bytes()
        path.write_bytes(link[: len(link) // 2] + link)
        heard, error = read_until_error(path)
        assert error == f"a.wav is cut short: it ends after {len(heard) / 16_000:.2f} s"
        assert 7.5 * 16_000 < len(heard) < 9.5 * 16_000

    @pytest.mark.parametrize("states_length", [True, False])
    def test_both_of_two_mp3s_are_heard(self, path, states_length):
        content = mp3(path, noise(1.0), 16_000, states_length=states_length)
        tag = b"ID3\4\0\0\0\0\x7d\0" + np.random.default_rng(0).bytes(0x7D << 7)  # a picture between them
        path.write_bytes(content + tag + content)
        assert len(read_audio(path)) == pytest.approx(32_000, abs=3_000)

    def test_a_second_mp4_behind_the_first_cannot_be_read_and_is_told(self, path):
        encode(path, tone(48_000, 0.2), container="ipod", codec="aac")
        path.write_bytes(path.read_bytes() * 2)
        with AudioFile(path) as audio:
            list(audio.blocks(1.0))
            assert audio.notices == ["another recording lies behind its first one and cannot be read"]


class TestFrames:
    """MP3 and AAC have no header for the whole: there is no length but an estimate, or what an encoder added."""

    @pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
    def test_an_mp3_that_was_piped_is_read_to_its_end(self, path, mode):
        sound = np.concatenate([noise(2.0), np.zeros(5 * 16_000), noise(2.0)])
        mp3(path, sound, 16_000, mode=mode, states_length=False)
        heard = read_audio(path)
        assert len(heard) == pytest.approx(len(sound), abs=3_000)
        assert np.std(heard[-16_000:]) > 1_000

    @pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
    def test_an_mp3_that_states_its_length_has_as_many_samples_as_were_encoded(self, path, rate_hz):
        mp3(path, noise(1.0, rate_hz), rate_hz)
        with AudioFile(path) as audio:
            assert audio.duration_s == pytest.approx(1.0, abs=1e-3)
        assert len(read_audio(path)) == pytest.approx(16_000, abs=1)

    @pytest.mark.parametrize("states_length", [True, False])
    def test_an_mp3_that_ends_within_a_frame_is_cut_short(self, path, states_length):
        content = mp3(path, noise(2.0), 16_000, states_length=states_length)
        path.write_bytes(content[: len(content) // 2 + 20])
        heard, error = read_until_error(path)
        assert error.startswith("a.wav is cut short: it ends after ")
        assert len(heard) == pytest.approx(16_000, abs=2_000)

    def test_what_a_damaged_mp3_holds_before_and_behind_the_damage_is_heard(self, path):
        content = bytearray(mp3(path, noise(2.0), 16_000))
        whole = read_audio(path)
        content[len(content) // 2 : len(content) // 2 + 800] = bytes(800)
        path.write_bytes(content)
        heard, error = read_until_error(path)
        assert error.startswith("a.wav is damaged or cut short after ")
        assert np.array_equal(heard[:14_000], whole[:14_000])
        assert len(whole) - 6_000 < len(heard) < len(whole)

    @pytest.mark.parametrize("behind", [bytes(500), b"TAG" + bytes(125)])
    def test_padding_and_tags_behind_an_mp3_are_no_damage(self, path, behind):
        content = mp3(path, noise(1.0), 16_000, states_length=False)
        whole = read_audio(path)
        path.write_bytes(content + behind)
        assert np.array_equal(read_audio(path), whole)

    def test_an_mp3_that_begins_within_a_frame_was_tapped_and_is_no_damage(self, path):
        content = mp3(path, noise(1.0), 16_000, states_length=False)
        path.write_bytes(content[50:])
        assert len(read_audio(path)) > 14_000

    def test_a_very_short_mp3_is_read(self, path):
        content = mp3(path, noise(1.0), 16_000, states_length=False)
        path.write_bytes(content[: len(content) // 10])
        heard, _ = read_until_error(path)
        assert len(heard) > 500


ENCODED = {
    "m4a": {"container": "ipod", "codec": "aac"},
    "webm": {"container": "webm", "codec": "libopus"},
    "mka": {"container": "matroska", "codec": "aac"},
    "aac": {"container": "adts", "codec": "aac"},
    "wv": {"container": "wv", "codec": "wavpack"},
}


class TestFilesOfOtherPrograms:
    @pytest.mark.parametrize("suffix", ENCODED)
    def test_what_phones_and_browsers_record_is_read(self, tmp_path, suffix):
        path = tmp_path / f"a.{suffix}"
        encode(path, tone(48_000, 1.0), **ENCODED[suffix])
        heard = read_audio(path)
        assert len(heard) == pytest.approx(16_000, abs=1_600)
        spectrum = np.abs(np.fft.rfft(heard[4_000:12_000]))
        assert np.argmax(spectrum) * 2 == 440
        assert np.std(heard[4_000:12_000]) == pytest.approx(0.5 / np.sqrt(2) * 32768, rel=0.1)

    @pytest.mark.parametrize("suffix", ENCODED)
    def test_their_samples_do_not_depend_on_the_block_size(self, tmp_path, suffix):
        path = tmp_path / f"a.{suffix}"
        encode(path, noise(0.5, 48_000), **ENCODED[suffix])
        whole = read_audio(path)
        for block_s in (0.001, 0.02, 0.3):
            assert np.array_equal(np.concatenate(list(decode_blocks(path, block_s=block_s))), whole)

    @pytest.mark.parametrize(("suffix", "options"), [("m4a", {"movflags": "faststart"}), ("webm", {}), ("mka", {})])
    def test_one_that_lost_its_end_gives_what_is_left_and_then_says_so(self, tmp_path, suffix, options):
        path = tmp_path / f"a.{suffix}"
        encode(path, noise(2.0, 48_000), **ENCODED[suffix], **options)
        os.truncate(path, path.stat().st_size * 2 // 3)
        heard, error = read_until_error(path)
        assert error == f"a.{suffix} is cut short: it ends after {len(heard) / 16_000:.2f} s"
        assert len(heard) > 12_000

    def test_an_mp4_whose_recorder_was_killed_says_what_it_lacks(self, path):
        encode(path, noise(1.0, 48_000), container="ipod", codec="aac")
        os.truncate(path, path.stat().st_size // 2)
        with pytest.raises(AudioError, match="cannot be read as sound: it is cut short: its index is missing"):
            AudioFile(path)

    def test_sound_that_is_missing_by_the_file_s_own_clock_is_told(self, path):
        encode(path, noise(3.0, 48_000), container="webm", codec="libopus", live="1", cluster_time_limit="500")
        content = bytearray(path.read_bytes())
        content[len(content) // 3 : len(content) // 2] = bytes(len(content) // 2 - len(content) // 3)
        path.write_bytes(content)
        with AudioFile(path) as audio:
            list(audio.blocks(1.0))
            assert [line.startswith("by its own clock it lacks ") for line in audio.notices] == [True]

    @pytest.mark.parametrize("content", [b"\0\0\0\x20ftypM4A " + bytes(500), b"\x1a\x45\xdf\xa3" + bytes(500)])
    def test_one_that_cannot_be_read_says_what_makes_it_readable(self, path, content):
        path.write_bytes(content)
        with pytest.raises(AudioError) as raised:
            AudioFile(path)
        assert raised.value.one_line().startswith("a.wav cannot be read as sound: ")
        assert "ffmpeg -i FILE" in raised.value.one_line()
