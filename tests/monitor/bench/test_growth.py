"""What samples say of growth: the slope, how sure it is, and the verdict."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.bench.growth import FEWEST, Trend, rises, trend

SLOPES = st.floats(-1000, 1000)
SERIES = st.lists(st.floats(0, 10_000), min_size=FEWEST, max_size=100)


def days(count: int) -> list[float]:
    return [number / 100 for number in range(count)]


def trend_of(values: list[float]) -> Trend:
    found = trend(days(len(values)), values)
    assert found is not None
    return found


@given(SLOPES, st.floats(0, 10_000), st.integers(FEWEST, 500))
def test_a_straight_line_has_its_own_slope_for_certain(slope, start, count):
    found = trend_of([start + slope * at for at in days(count)])
    assert (found.low, found.slope, found.high) == pytest.approx((slope, slope, slope), abs=1e-6)
    assert found.days == pytest.approx((count - 1) / 100)


@given(SERIES)
def test_the_slope_lies_in_its_interval(values):
    found = trend_of(values)
    assert found.low <= found.slope <= found.high


@given(SERIES, st.floats(-1000, 1000))
def test_how_much_there_is_makes_no_difference(values, more):
    found, lifted = trend_of(values), trend_of([value + more for value in values])
    assert (lifted.low, lifted.slope, lifted.high) == pytest.approx((found.low, found.slope, found.high), abs=1e-6)


@given(SERIES)
def test_what_shrinks_is_what_grows_upside_down(values):
    found, turned = trend_of(values), trend_of([-value for value in values])
    assert (-turned.high, -turned.slope, -turned.low) == pytest.approx((found.low, found.slope, found.high), abs=1e-6)


@given(SLOPES, st.integers(0, 239), st.floats(-1e6, 1e6))
def test_one_sample_that_is_far_off_moves_nothing(slope, position, off):
    values = [slope * at for at in days(240)]
    values[position] += off
    assert trend_of(values).slope == pytest.approx(slope, abs=1e-6)


@given(st.lists(st.floats(0, 100), max_size=FEWEST - 1))
def test_of_too_few_samples_nothing_is_said(values):
    assert trend(days(len(values)), values) is None


def test_the_interval_holds_the_truth_as_often_as_it_says():
    random = np.random.default_rng(0)
    tries = 300
    found = [trend_of(list(3 * np.array(days(240)) + random.normal(size=240))) for _ in range(tries)]
    assert sum(one.low <= 3 <= one.high for one in found) / tries == pytest.approx(0.95, abs=0.04)


@given(st.floats(-10, 10), st.floats(0, 10), st.floats(0, 10), st.floats(0.01, 3), st.floats(0.1, 5))
def test_a_verdict_says_no_more_than_its_interval(slope, below, above, over, limit):
    found = Trend(slope, slope - below, slope + above, over)
    match found.verdict(limit):
        case "within":
            assert found.high <= limit
        case "beyond":
            assert found.low > limit
        case "undecided":
            assert found.high > limit


def test_growth_that_has_not_used_up_a_days_limit_may_be_a_buffer_that_fills_up():
    steep = Trend(40, 39, 41, 1 / 72)
    assert steep.verdict(1) == "undecided"
    assert Trend(40, 39, 41, 1 / 24).verdict(1) == "beyond"
    assert Trend(1.5, 1.4, 1.6, 2).verdict(1) == "beyond"
    assert Trend(1.5, 0.4, 1.6, 2).verdict(1) == "undecided"


@given(st.lists(st.integers(10, 12), min_size=3, max_size=60), st.integers(0, 2))
def test_a_count_that_comes_and_goes_does_not_rise(counts, more):
    assert not rises([*counts, more + max(counts), *counts])


@given(st.lists(st.integers(0, 100), min_size=3, max_size=60), st.integers(1, 100))
def test_a_count_that_went_up_and_stayed_there_rises(counts, more):
    assert rises(counts + [more + max(counts)] * math.ceil(len(counts) * 2))


@given(st.lists(st.integers(0, 9), max_size=2))
def test_of_two_counts_none_is_a_rise(counts):
    assert not rises(counts)
