import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from core.model import SAMPLE_RATE_HZ
from core.settings import VadSettings
from core.sound.vad import Vad

FRAME_MS = (10, 20, 30)


def buzz(seconds: float) -> np.ndarray:
    """A sawtooth of 120 Hz that swells four times a second: what a voice is to the detector."""
    at_s = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (0.3 * 32767 * (2 * (at_s * 120 % 1) - 1) * np.sin(2 * np.pi * 4 * at_s) ** 2).astype(np.int16)


def whole(sound: np.ndarray, frame_ms: int) -> bytes:
    """So much of it as makes whole frames."""
    size = frame_ms * SAMPLE_RATE_HZ // 1000
    return sound[: len(sound) // size * size].tobytes()


@pytest.mark.parametrize("frame_ms", FRAME_MS)
def test_a_voice_like_sound_is_voiced_and_silence_is_not(frame_ms):
    vad = Vad(VadSettings(frame_ms=frame_ms))
    assert np.mean(vad.verdicts(whole(buzz(1.0), frame_ms))) > 0.9

    vad = Vad(VadSettings(frame_ms=frame_ms))
    assert not any(vad.verdicts(whole(np.zeros(16_000, np.int16), frame_ms)))


def test_the_noise_of_a_quiet_converter_is_not_voiced():
    hiss = np.random.default_rng(0).normal(0, 3, 32_000).astype(np.int16)
    vad = Vad(VadSettings())
    assert not any(vad.verdicts(whole(hiss, 30)))


@given(st.integers(0, 2**32), st.sampled_from(FRAME_MS), st.integers(0, 3))
def test_after_a_reset_the_same_sound_gets_the_same_verdicts(seed, frame_ms, mode):
    levels = np.random.default_rng(seed).choice([1, 30, 1000, 8000], 30)
    noise = np.random.default_rng(seed + 1).normal(0, 1, (30, 480)) * levels[:, None]
    sound = whole(np.clip(noise, -32768, 32767).astype(np.int16).ravel(), frame_ms)

    vad = Vad(VadSettings(mode=mode, frame_ms=frame_ms))
    first = vad.verdicts(sound)
    assert len(first) == 30 * 480 * 1000 // (SAMPLE_RATE_HZ * frame_ms)
    vad.reset()
    assert vad.verdicts(sound) == first


@given(st.lists(st.integers(0, 12), min_size=1, max_size=8), st.sampled_from(FRAME_MS))
def test_frames_get_the_same_verdicts_one_by_one_and_many_at_once(counts, frame_ms):
    sound = whole(np.tile(np.r_[buzz(0.4), np.zeros(3200, np.int16)], 5), frame_ms)
    size = 2 * frame_ms * SAMPLE_RATE_HZ // 1000
    together, apart = Vad(VadSettings(frame_ms=frame_ms)), Vad(VadSettings(frame_ms=frame_ms))
    at, verdicts = 0, []
    for count in counts:
        verdicts += apart.verdicts(sound[at : at + count * size])
        at += count * size
    assert verdicts == together.verdicts(sound[:at])


def test_a_mode_set_before_the_first_frame_or_chosen_at_the_start_is_the_same_and_outlives_a_reset():
    noisy = buzz(2.0) + np.random.default_rng(0).normal(0, 1500, 32_000).astype(np.int16)
    for mode in range(4):
        chosen, changed = Vad(VadSettings(mode=mode)), Vad(VadSettings(mode=3 - mode))
        changed.set_mode(mode)
        changed.reset()
        assert chosen.verdicts(whole(noisy, 30)) == changed.verdicts(whole(noisy, 30))
    with pytest.raises(ValueError, match="mode"):
        changed.set_mode(4)


@pytest.mark.shared
def test_a_careful_mode_lets_less_through(shared):
    sound, rate = soundfile.read(shared / "data" / "vad" / "ami_dev00.flac", dtype="int16")
    assert rate == SAMPLE_RATE_HZ
    shares = []
    for mode in range(4):
        vad = Vad(VadSettings(mode=mode))
        shares.append(np.mean(vad.verdicts(whole(sound, 30))))
    assert shares == sorted(shares, reverse=True)
    assert shares[3] < shares[0]


@pytest.mark.parametrize("size", [1, 958, 961, 1919])
def test_what_is_no_whole_number_of_frames_is_refused(size):
    with pytest.raises(ValueError, match="expected frames of 480 int16 samples"):
        Vad(VadSettings(frame_ms=30)).verdicts(bytes(size))
