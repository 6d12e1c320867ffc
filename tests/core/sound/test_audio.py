"""Sound files, good and bad, as int16 at 16 kHz mono."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from core.errors import AudioError, UsageError
from core.sound.audio import AudioFile, decode_blocks, read_audio
from core.sound.mono import pcm16
from tests.core.sound import encoding

PHRASE_S = 1.5


def tone(rate_hz, duration_s=PHRASE_S, frequency_hz=440.0, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(round(duration_s * rate_hz)) / rate_hz)


def noise(frames, channels=1, seed=0):
    return np.clip(np.random.default_rng(seed).standard_normal((frames, channels)) * 0.1, -1, 1)


def wav_header(*, rate_hz=16_000, channels=1, data_bytes, bits=16):
    align = channels * bits // 8
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", min(36 + data_bytes, 0xFFFF_FFFF), b"WAVE", b"fmt ", 16),
        *(1, channels, rate_hz, rate_hz * align % 2**32, align, bits, b"data", data_bytes),
    )


def decode_until_error(path):
    """What was decoded, and the error that ended it."""
    heard = []
    with pytest.raises(AudioError) as raised:
        heard.extend(decode_blocks(path))
    return np.concatenate(heard), raised.value


class TestRounding:
    def test_every_int16_survives_the_way_to_float_and_back(self):
        everything = np.arange(-32768, 32768).astype(np.int16)
        assert np.array_equal(pcm16(everything.astype(np.float32) / 32768), everything)

    def test_what_is_too_loud_is_clipped_and_what_is_no_number_is_silent(self):
        loud = [1.0, 1.5, np.inf, -1.0, -1.5, -np.inf, np.nan]
        assert pcm16(loud).tolist() == [32767, 32767, 32767, -32768, -32768, -32768, 0]

    def test_samples_are_rounded_not_truncated(self):
        assert pcm16(np.array([0.6, -0.6, 1.4, -1.4]) / 32768).tolist() == [1, -1, 1, -1]


class TestFormats:
    def test_sixteen_bit_sound_at_16_khz_is_not_changed_at_all(self, tmp_path):
        samples = np.random.default_rng(0).integers(-32768, 32768, 12_345).astype(np.int16)
        soundfile.write(tmp_path / "a.wav", samples, 16_000)
        assert np.array_equal(read_audio(tmp_path / "a.wav"), samples)

    @pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff", "au", "w64", "caf"])
    @pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
    def test_any_format_and_rate_sounds_the_same(self, tmp_path, suffix, rate_hz):
        path = tmp_path / f"a.{suffix}"
        soundfile.write(path, tone(rate_hz), rate_hz)
        heard = read_audio(path)
        assert abs(len(heard) - PHRASE_S * 16_000) <= 1
        middle = slice(4_000, 20_000)
        assert np.corrcoef(heard[middle], pcm16(tone(16_000))[: len(heard)][middle])[0, 1] > 0.998

    @pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
    @pytest.mark.fault(13, "8, 24 and 32 bits, float, double, mu-law")
    def test_any_sample_type_sounds_the_same(self, tmp_path, subtype):
        soundfile.write(tmp_path / "a.wav", tone(16_000), 16_000, subtype=subtype)
        assert np.max(np.abs(read_audio(tmp_path / "a.wav") - pcm16(tone(16_000)).astype(int))) < 600

    def test_eight_channels_at_192_khz_are_heard(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.tile(tone(192_000)[:, np.newaxis], 8), 192_000, subtype="FLOAT")
        heard = read_audio(tmp_path / "a.wav")
        assert len(heard) == PHRASE_S * 16_000
        assert np.max(np.abs(heard[100:-100] - pcm16(tone(16_000))[100:-100].astype(int))) <= 2

    def test_channels_that_are_all_alive_are_averaged(self, tmp_path):
        samples = noise(16_000, channels=3)
        soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="DOUBLE")
        assert np.max(np.abs(read_audio(tmp_path / "a.wav") - pcm16(samples.mean(axis=1)).astype(int))) <= 1

    def test_sound_in_one_of_two_channels_or_turned_around_in_the_other_is_heard_in_full(self, tmp_path):
        samples = noise(16_000)
        for other in (0, -1):
            soundfile.write(tmp_path / "a.wav", samples * [1, other], 16_000, subtype="DOUBLE")
            assert np.max(np.abs(read_audio(tmp_path / "a.wav") - pcm16(samples[:, 0]).astype(int))) <= 1

    @pytest.mark.fault(13, "constant offset")
    def test_a_constant_offset_stays(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.full(4_800, 0.5), 48_000)
        assert np.all(np.abs(read_audio(tmp_path / "a.wav")[200:-200] - 16_384) <= 1)

    def test_compressed_sound_decodes_in_blocks_exactly_as_in_one_piece(self, tmp_path):
        soundfile.write(tmp_path / "a.opus", noise(160_000), 16_000, format="OGG", subtype="OPUS")
        whole, _ = soundfile.read(tmp_path / "a.opus", dtype="float32")
        assert np.array_equal(read_audio(tmp_path / "a.opus"), pcm16(whole))

    @pytest.mark.parametrize(("name", "rate_hz"), [("stereo44k", 44_100), ("mono8k", 8_000)])
    def test_decoding_agrees_with_the_original_program(self, shared, tmp_path, name, rate_hz):
        """LTU-AS decodes with ffmpeg, whose filter differs a little from soxr's."""
        golden = load_file(shared / "golden" / "a" / "features.safetensors")
        soundfile.write(tmp_path / "a.wav", golden[f"{name}.file_int16"], rate_hz, subtype="PCM_16")
        heard, expected = read_audio(tmp_path / "a.wav"), golden[f"{name}.decoded_int16"]
        assert len(heard) == len(expected)
        difference = heard.astype(float) - expected
        assert np.sqrt(np.mean(difference**2)) < 0.01 * np.sqrt(np.mean(expected.astype(float) ** 2))

    @pytest.mark.parametrize("layout", ["stereo", "5.1", "7.1"])
    def test_channels_that_are_coded_apart_are_all_heard_and_nothing_behind_them(self, tmp_path, layout):
        speech = np.zeros((48_000, {"stereo": 2, "5.1": 6, "7.1": 8}[layout]))
        speech[:, 0] = np.sin(np.arange(48_000) * 0.05) / 2
        encoding.encode_channels(tmp_path / "a.m4a", speech, container="mp4", codec="aac", layout=layout)
        heard = read_audio(tmp_path / "a.m4a")
        assert 16_000 <= len(heard) <= 17_000
        assert 0.2 < np.abs(heard[4_000:12_000]).max() / 32_768 < 0.6


class TestBlocks:
    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(block_s=st.floats(0.0001, 5.0))
    def test_samples_do_not_depend_on_the_block_size(self, tmp_path, block_s):
        path = tmp_path / "a.flac"
        if not path.exists():
            soundfile.write(path, noise(110_250, channels=2), 44_100)
        blocks = list(decode_blocks(path, block_s=block_s))
        assert {len(block) for block in blocks[:-1]} <= {max(1, round(block_s * 16_000))}
        assert 0 < len(blocks[-1]) <= max(1, round(block_s * 16_000))
        assert np.array_equal(np.concatenate(blocks), read_audio(path))

    @pytest.mark.fault(13, "192 kHz, 8 channels, 96 MB")
    def test_memory_does_not_grow_with_the_file(self, tmp_path):
        path = tmp_path / "long.wav"
        data_bytes = 96_000_000
        path.write_bytes(wav_header(rate_hz=192_000, channels=8, data_bytes=data_bytes))
        os.truncate(path, 44 + data_bytes)  # half a minute of silence that take no room on disk
        program = (
            "import resource, sys; from core.sound.audio import decode_blocks\n"
            "peak_mb = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
            "blocks = decode_blocks(sys.argv[1]); length = len(next(blocks)); before = peak_mb()\n"
            "length += sum(map(len, blocks)); print(length, peak_mb() - before)"
        )
        result = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
        length, growth_mb = result.stdout.split()
        assert int(length) == data_bytes // 16 // 12
        assert float(growth_mb) < 20


class TestBadSamples:
    @pytest.mark.fault(13, "NaN and infinity")
    def test_samples_that_are_not_numbers_become_silence_and_are_counted(self, tmp_path):
        samples = tone(16_000)
        samples[[100, 200, 300]] = [np.nan, np.inf, -np.inf]
        soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
        with AudioFile(tmp_path / "a.wav") as audio:
            heard = np.concatenate(list(audio.blocks(0.1)))
            assert audio.bad_samples == 3
        expected = pcm16(tone(16_000))
        expected[[100, 200, 300]] = 0
        assert np.array_equal(heard, expected)

    @pytest.mark.filterwarnings("error")
    def test_one_that_signals_to_the_processor_is_counted_like_any_other(self, tmp_path):
        samples = np.full(1_000, 20_000, "<f4")
        samples[10:11].view("<u4")[0] = 0x7F80_0001
        soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
        with AudioFile(tmp_path / "a.wav") as audio:
            assert len(np.concatenate(list(audio.blocks(0.1)))) == 1_000
            assert audio.bad_samples == 1

    def test_one_absurd_value_does_not_drown_its_neighbours(self, tmp_path):
        samples = tone(48_000)
        soundfile.write(tmp_path / "clean.wav", samples, 48_000, subtype="FLOAT")
        samples[24_000] = 3e38
        soundfile.write(tmp_path / "a.wav", samples, 48_000, subtype="FLOAT")
        difference = read_audio(tmp_path / "a.wav") - read_audio(tmp_path / "clean.wav").astype(int)
        far = np.abs(np.arange(len(difference)) - 8_000) > 100
        assert 1_000 < np.max(np.abs(difference)) < 32_768
        assert np.max(np.abs(difference[far])) < 20

    def test_too_loud_samples_are_clipped_and_counted(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.array([2.0, -2.0]), 16_000, subtype="FLOAT")
        with AudioFile(tmp_path / "a.wav") as audio:
            assert np.concatenate(list(audio.blocks(0.1))).tolist() == [32767, -32768]
            assert audio.notices == ["2 samples lay beyond full scale and were clipped"]

    @pytest.mark.parametrize("bits", [16, 24, 32])
    def test_float_samples_that_are_integers_are_brought_to_scale_and_told(self, tmp_path, bits):
        samples = np.concatenate([np.zeros(16_000), tone(16_000)]) * 2 ** (bits - 1)
        samples[10] = 3e38
        soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
        with AudioFile(tmp_path / "a.wav") as audio:
            heard = np.concatenate(list(audio.blocks(0.1)))
            line = f"its float samples are integers, not -1..1; they were divided by {2 ** (bits - 1)}"
            assert audio.notices == [line]
        assert np.max(np.abs(heard[16_000:] - pcm16(tone(16_000)).astype(int))) <= 1


class TestShortAndLong:
    @pytest.mark.fault(13, "one sample")
    def test_one_sample_is_sound(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.array([0.5]), 16_000)
        assert read_audio(tmp_path / "a.wav").tolist() == [16_384]

    def test_one_sample_at_a_higher_rate_is_too_short_to_be_sound(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.array([0.5]), 48_000)
        with pytest.raises(AudioError, match=r"a\.wav holds no sound"):
            read_audio(tmp_path / "a.wav")

    @pytest.mark.fault(13, "no sample")
    def test_no_sample_is_an_error(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.empty(0), 16_000)
        with pytest.raises(AudioError, match=r"a\.wav holds no sound"):
            AudioFile(tmp_path / "a.wav")

    def test_a_file_over_the_limit_is_refused_and_one_at_the_limit_is_not(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", tone(16_000, duration_s=2.0), 16_000)
        assert len(read_audio(tmp_path / "a.wav", max_s=2.0)) == 32_000
        with pytest.raises(AudioError, match=r"lasts longer than 1\.99 s"):
            read_audio(tmp_path / "a.wav", max_s=1.99)


class TestFilesThatAreNotSound:
    def test_a_missing_file_is_the_users_to_correct(self, tmp_path):
        with pytest.raises(UsageError, match=r"nope\.wav: no such file"):
            AudioFile(tmp_path / "nope.wav")

    def test_a_folder_is_named_as_such(self, tmp_path):
        with pytest.raises(UsageError, match="is a folder, not a sound file"):
            AudioFile(tmp_path)

    def test_a_pipe_is_refused_instead_of_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(UsageError, match="is not a regular file"):
            AudioFile(tmp_path / "pipe")

    def test_an_impossible_name_is_refused(self):
        with pytest.raises(UsageError, match="cannot be read"):
            AudioFile("talk\0.wav")

    @pytest.mark.parametrize(
        "content", [b"", b"hello\n" * 500, bytes(range(256)) * 40, b"RIFF1234WAVE", b"OggS", b"ID3"]
    )
    @pytest.mark.parametrize("name", ["a.wav", "a.txt", "a.mp3", "a.raw"])
    def test_what_is_not_sound_gives_one_line(self, tmp_path, content, name):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(AudioError) as raised:
            AudioFile(tmp_path / name)
        assert raised.value.one_line().startswith(f"{name} cannot be read as sound: ")

    @pytest.mark.parametrize(
        "playlist",
        [
            "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{}\n#EXT-X-ENDLIST\n",
            "ffconcat version 1.0\nfile '{}'\n",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na={}\n",
        ],
    )
    @pytest.mark.parametrize("start", ["", "ID3"])
    def test_a_playlist_opens_no_other_file(self, tmp_path, playlist, start):
        soundfile.write(tmp_path / "secret.wav", tone(16_000), 16_000)
        (tmp_path / "a.mp3").write_text(start + playlist.format(tmp_path / "secret.wav"))
        with pytest.raises(AudioError):
            read_audio(tmp_path / "a.mp3")

    @pytest.mark.parametrize(("rate_hz", "channels"), [(2_000_000_000, 1), (100, 1), (48_000, 1_000)])
    @pytest.mark.fault(13, "2,000,000,000 Hz, 100 Hz, 1000 channels")
    def test_a_header_out_of_bounds_is_refused_before_memory_is_taken(self, tmp_path, rate_hz, channels):
        header = wav_header(rate_hz=rate_hz, channels=channels, data_bytes=4_000)
        (tmp_path / "a.wav").write_bytes(header + bytes(4_000))
        with pytest.raises(AudioError, match=r"outside 8000\.\.384000 Hz|more than 64"):
            AudioFile(tmp_path / "a.wav")

    @pytest.fixture
    def caf(self, tmp_path):
        """One that FFmpeg reads where libsndfile cannot."""
        soundfile.write(tmp_path / "a.caf", noise(4_000), 16_000, subtype="ALAC_16")
        return tmp_path / "a.caf"

    def test_a_file_that_says_to_read_on_before_its_beginning_is_one_line_and_nothing_is_printed(self, caf, capfd):
        content = caf.read_bytes()
        size_at = content.find(b"data") + 4
        caf.write_bytes(content[:size_at] + b"\x7f" + bytes(7) + content[size_at + 8 :])
        with pytest.raises(AudioError, match=r"a\.caf cannot be read as sound: it looks like CAF"):
            AudioFile(caf)
        assert capfd.readouterr() == ("", "")

    def test_sound_without_what_its_decoder_needs_is_one_line(self, caf):
        content = caf.read_bytes()
        caf.write_bytes(content[: content.find(b"kuki")] + content[content.find(b"pakt") :])
        with pytest.raises(AudioError, match=r"a\.caf is damaged .* packets that cannot be decoded: 1"):
            read_audio(caf)

    def test_a_name_that_is_not_utf8_is_read_all_the_same(self, tmp_path):
        path = Path(os.fsdecode(bytes(tmp_path) + b"/\xff\xfe.wav"))
        soundfile.write(os.fsencode(path), tone(16_000), 16_000, format="WAV")
        assert len(read_audio(path)) == PHRASE_S * 16_000


class TestFilesCutShort:
    @pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff", "au"])
    @pytest.mark.fault(13, "cut in half, six kinds")
    def test_a_truncated_file_gives_all_it_holds_and_then_an_error(self, tmp_path, suffix):
        path = tmp_path / f"a.{suffix}"
        soundfile.write(path, noise(480_000), 48_000)
        os.truncate(path, path.stat().st_size // 2)
        heard, error = decode_until_error(path)
        assert 4.5 * 16_000 < len(heard) < 5.5 * 16_000
        assert "cut short" in error.one_line()
        assert f"{len(heard) / 16_000:.2f} s" in error.one_line()

    @pytest.mark.fault(13, "FLAC damaged in the middle")
    def test_a_damaged_file_gives_what_comes_before_the_damage(self, tmp_path):
        path = tmp_path / "a.flac"
        soundfile.write(path, noise(160_000), 16_000)
        whole = read_audio(path)
        content = bytearray(path.read_bytes())
        content[len(content) // 2 : len(content) // 2 + 4_000] = bytes(4_000)
        path.write_bytes(content)
        heard, error = decode_until_error(path)
        assert "damaged" in error.one_line()
        assert 4.5 * 16_000 < len(heard) < 5.5 * 16_000
        assert np.array_equal(heard, whole[: len(heard)])

    @pytest.mark.parametrize("claimed_bytes", [0x7FFF_FFFF, 0xFFFF_FFFF, 0xFFFF_FFF0])
    @pytest.mark.fault(13, "a length that cannot be")
    def test_a_recording_that_was_piped_with_an_unknown_length_is_whole(self, tmp_path, claimed_bytes):
        samples = pcm16(tone(16_000))
        (tmp_path / "a.wav").write_bytes(wav_header(data_bytes=claimed_bytes) + samples.tobytes())
        assert np.array_equal(read_audio(tmp_path / "a.wav"), samples)

    def test_a_flac_that_was_piped_with_an_unknown_length_is_whole(self, tmp_path):
        path = tmp_path / "a.flac"
        soundfile.write(path, noise(160_000), 16_000)
        whole = read_audio(path)
        content = bytearray(path.read_bytes())
        content[21] &= 0xF0  # the 36 bits of STREAMINFO that hold the number of samples
        content[22:26] = bytes(4)
        path.write_bytes(content)
        assert np.array_equal(read_audio(path), whole)
