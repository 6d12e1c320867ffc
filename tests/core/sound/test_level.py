import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from core.sound.level import FLOOR_DBFS, Level, is_clipped, measure_level


@pytest.mark.parametrize("samples", [np.zeros(320, np.int16), np.zeros(0, np.int16)], ids=["zeros", "nothing"])
def test_silence_has_the_lowest_level_instead_of_minus_infinity(samples):
    assert measure_level(samples) == Level(FLOOR_DBFS, FLOOR_DBFS)


def test_a_full_square_wave_is_at_zero_decibel():
    level = measure_level(np.full(320, -32768, np.int16))
    assert level == Level(0.0, 0.0)


def test_a_sine_lies_three_decibel_below_its_peak():
    sine = (16384 * np.sin(2 * np.pi * np.arange(1600) / 16)).astype(np.int16)
    level = measure_level(sine)
    assert level.peak_dbfs == pytest.approx(20 * math.log10(0.5), abs=0.01)
    assert level.peak_dbfs - level.rms_dbfs == pytest.approx(3.01, abs=0.01)


@given(arrays(np.int16, st.integers(0, 400)))
def test_levels_are_finite_and_the_peak_is_not_below_the_mean(samples):
    level = measure_level(samples)
    assert FLOOR_DBFS <= level.rms_dbfs <= level.peak_dbfs + 1e-9
    assert level.peak_dbfs <= 0


@pytest.mark.parametrize(
    ("samples", "clipped"), [([], False), ([0, 32766, -32767], False), ([0, 32767], True), ([-32768, 0], True)]
)
def test_sound_at_full_scale_is_clipped(samples, clipped):
    assert is_clipped(np.array(samples, np.int16)) is clipped
