import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline_eval.sounds.augment import MIN_SAMPLES, Augmentation, augment, generator_for, join

SPEECH = (np.random.default_rng(0).standard_normal(32_000) * np.hanning(32_000) * 0.1).astype(np.float32)


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60_000))
def test_a_variant_is_sound_of_a_live_microphone(seed, n):
    sound = augment(np.resize(SPEECH, n), np.random.default_rng(seed))
    slowest = Augmentation().speed[0]
    assert sound.dtype == np.float32
    assert min(0.8 * n, MIN_SAMPLES) <= len(sound) <= n / slowest + 1
    assert np.all(np.abs(sound) <= 1)
    assert np.array_equal(sound * 32_768, np.round(sound * 32_768))


def test_levels_lie_in_their_range_whatever_the_level_was():
    for seed in range(20):
        loud = augment(SPEECH, np.random.default_rng(seed))
        level = 20 * np.log10(np.sqrt(np.mean(loud**2)))
        assert -61 < level < -11


def only(**ranges):
    """Nothing but what is named happens, and always."""
    shares = {name: 0.0 for name in Augmentation.__dataclass_fields__ if name.endswith("_share")}
    return Augmentation(**{**shares, "level_dbfs": (-20.0, -20.0), **ranges})


def spectrum_hz(sound):
    """The frequency of the largest component."""
    return np.argmax(np.abs(np.fft.rfft(sound))) * 16_000 / len(sound)


TONE = (0.1 * np.sin(2 * np.pi * 1000 * np.arange(32_000) / 16_000)).astype(np.float32)


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_speed_changes_tempo_and_pitch_together(factor):
    sound = augment(TONE, np.random.default_rng(0), only(speed_share=1.0, speed=(factor, factor)))
    assert len(sound) == pytest.approx(len(TONE) / factor, abs=2)
    assert spectrum_hz(sound) == pytest.approx(1000 * factor, abs=2)


def test_silence_around_the_sound_is_trimmed_to_what_a_segmenter_leaves():
    padded = np.concatenate([np.zeros(32_000, np.float32), TONE, np.zeros(32_000, np.float32)])
    sound = augment(padded, np.random.default_rng(0), only(trim_share=1.0))
    assert len(TONE) <= len(sound) <= len(TONE) + 0.6 * 16_000 + 640


def test_noise_lies_below_speech_by_what_is_drawn():
    sound = augment(TONE, np.random.default_rng(0), only(noise_share=1.0, snr_db=(10.0, 10.0)))
    clean = augment(TONE, np.random.default_rng(0), only())
    scale = np.dot(sound, clean) / np.dot(clean, clean)
    noise = sound - scale * clean
    assert 20 * np.log10(scale * np.std(clean) / np.sqrt(np.mean(noise**2))) == pytest.approx(10, abs=0.5)


def test_a_room_rings_on_after_the_sound():
    burst = np.zeros(16_000, np.float32)
    burst[:1600] = TONE[:1600]
    sound = augment(burst, np.random.default_rng(1), only(reverberation_share=1.0, reverberation_s=(0.6, 0.6)))
    assert np.std(sound[2000:4000]) > 10 * np.std(sound[12_000:])
    assert np.std(sound[2000:4000]) > 1e-4


def test_codecs_keep_the_tone_in_place():
    for seed in range(12):
        sound = augment(TONE, np.random.default_rng(seed), only(codec_share=1.0))
        assert len(sound) == pytest.approx(len(TONE), abs=1)
        assert spectrum_hz(sound) == pytest.approx(1000, abs=2)


def test_silence_stays_finite():
    assert np.isfinite(augment(np.zeros(16_000, np.float32), np.random.default_rng(0))).all()


def test_a_variant_is_the_same_whenever_it_is_made():
    first, again, other = (augment(SPEECH, generator_for("clip", variant, 0)) for variant in (1, 1, 2))
    assert np.array_equal(first, again)
    assert len(first) != len(other) or not np.array_equal(first, other)


def heard_in_session(sound, clip, **ranges):
    return augment(sound, np.random.default_rng(clip), only(**ranges), np.random.default_rng(5))


@pytest.mark.parametrize("step", ["reverberation", "band", "codec", "clip"])
def test_recordings_of_one_session_are_heard_alike(step):
    first, second = (heard_in_session(TONE, clip, **{f"{step}_share": 1.0}) for clip in (1, 2))
    assert np.array_equal(first, second)
    other = augment(TONE, np.random.default_rng(1), only(**{f"{step}_share": 1.0}), np.random.default_rng(6))
    assert not np.array_equal(first, other)


def test_a_step_happens_to_a_whole_session_or_to_none_of_it():
    for session in range(10):
        heard = {
            augment(TONE, np.random.default_rng(clip), only(band_share=0.5), np.random.default_rng(session)).tobytes()
            for clip in range(5)
        }
        assert len(heard) == 1


def test_the_noise_of_a_session_has_one_level_whatever_the_length_but_is_never_the_same():
    noises = []
    for clip, n in ((1, 32_000), (2, 20_000)):
        clean = heard_in_session(TONE[:n], clip)
        sound = heard_in_session(TONE[:n], clip, noise_share=1.0)
        scale = np.dot(sound, clean) / np.dot(clean, clean)
        noises.append((sound - scale * clean) / scale)
    levels = [20 * np.log10(np.sqrt(np.mean(noise**2))) for noise in noises]
    assert levels[0] == pytest.approx(levels[1], abs=0.5)
    assert not np.allclose(noises[0][:20_000], noises[1], atol=1e-4)


def test_what_is_done_to_a_recording_itself_is_its_own_in_a_session_too():
    slow, fast = (heard_in_session(TONE, clip, speed_share=1.0) for clip in (1, 2))
    assert len(slow) != len(fast)


LENGTHS_S = (1.0, 2.5, 3.0, 20.0)


@given(st.integers(0, 10_000), st.sampled_from([None, 0.0, 0.5, 1.0]), st.permutations(LENGTHS_S))
def test_what_is_joined_is_whole_recordings_up_to_a_length(seed, share, lengths_s):
    sounds = [np.full(round(16_000 * length_s), n, np.float32) for n, length_s in enumerate(lengths_s)]
    joined = join(iter(sounds), np.random.default_rng(seed), Augmentation(joined_share=share))
    if not share or len(joined) == len(sounds[0]):
        assert np.array_equal(joined, sounds[0])
    if share == 1:
        assert len(joined) == len(sounds[0]) or 4 * 16_000 <= len(joined) <= 10 * 16_000
        assert len(joined) >= 4 * 16_000
    everything = np.concatenate(sounds)
    assert np.array_equal(joined, everything[: len(joined)])


def test_nothing_is_loaded_that_is_not_joined():
    def sounds():
        yield np.zeros(16_000, np.float32)
        pytest.fail("another sound was loaded")

    assert len(join(sounds(), np.random.default_rng(0), Augmentation())) == 16_000


def test_the_last_of_a_speaker_stays_short():
    one = np.zeros(16_000, np.float32)
    assert len(join([one, one], np.random.default_rng(0), Augmentation(joined_share=1.0))) == 32_000
