import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from offline_eval.training.augment import MIN_SAMPLES, Augmentation, augment, generator_for

SPEECH = (np.random.default_rng(0).standard_normal(32_000) * np.hanning(32_000) * 0.1).astype(np.float32)


@given(st.integers(0, 10_000), st.integers(1, 60_000))
def test_a_variant_is_sound_of_a_live_microphone(seed, n):
    sound = augment(np.resize(SPEECH, n), np.random.default_rng(seed))
    ranges = Augmentation()
    assert sound.dtype == np.float32
    assert min(n, MIN_SAMPLES) <= len(sound) <= n
    assert len(sound) >= (1 - ranges.cut_share) * n - 1
    assert np.all(np.abs(sound) <= 1)
    assert np.array_equal(sound * 32_768, np.round(sound * 32_768))


def test_levels_lie_in_their_range_whatever_the_level_was():
    for seed in range(20):
        quiet, loud = (augment(SPEECH * gain, np.random.default_rng(seed)) for gain in (0.001, 1.0))
        level = 20 * np.log10(np.sqrt(np.mean(loud**2)))
        assert -51 < level < -11
        assert np.abs(quiet - loud).max() < 2e-4


def test_silence_stays_finite():
    assert np.isfinite(augment(np.zeros(16_000, np.float32), np.random.default_rng(0))).all()


def test_a_variant_is_the_same_whenever_it_is_made():
    first, again, other = (augment(SPEECH, generator_for("clip", variant, 0)) for variant in (1, 1, 2))
    assert np.array_equal(first, again)
    assert len(first) != len(other) or not np.array_equal(first, other)
