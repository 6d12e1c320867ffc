"""The noise floor: what is known of it, what moves it and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sound.noise_floor import KNOWN_AFTER_S, WINDOW_S, NoiseFloor

levels = st.floats(-120, 0)
durations = st.floats(0.005, 0.5)
blocks = st.lists(st.tuples(levels, durations), min_size=1, max_size=60)


def floor_of(pushed) -> float | None:
    floor = NoiseFloor()
    for level_dbfs, duration_s in pushed:
        floor.push(level_dbfs, duration_s)
    return floor.dbfs


@given(blocks)
def test_it_is_one_of_the_levels_heard_once_enough_was_heard(pushed):
    floor = floor_of(pushed)
    heard_s = sum(duration_s for _, duration_s in pushed)
    if heard_s < KNOWN_AFTER_S * 0.999:
        assert floor is None
    elif heard_s > KNOWN_AFTER_S * 1.001:
        assert floor in {level_dbfs for level_dbfs, _ in pushed}


@given(st.lists(levels, min_size=10, max_size=100))
def test_nine_tenths_of_the_sound_are_at_least_as_loud_and_a_tenth_is_at_most_as_loud(pushed):
    floor = floor_of((level_dbfs, 0.1) for level_dbfs in pushed)
    assert floor is not None
    assert sum(level <= floor for level in pushed) >= 0.099 * len(pushed)
    assert sum(level >= floor for level in pushed) >= 0.899 * len(pushed)


@given(blocks, levels)
def test_what_lies_further_back_than_the_window_is_forgotten(before, now_dbfs):
    assert floor_of([*before, *[(now_dbfs, 0.25)] * (round(WINDOW_S / 0.25) + 1)]) == now_dbfs


@given(st.lists(levels, min_size=5, max_size=40))
def test_it_does_not_depend_on_how_even_sound_is_cut_into_blocks(pushed):
    assert floor_of((level, 0.25) for level in pushed) == floor_of((level, 0.125) for level in pushed for _ in range(2))


def test_a_few_loud_seconds_leave_it_where_it_was():
    assert floor_of([(-60.0, 0.1)] * 40 + [(-10.0, 0.1)] * 60) == pytest.approx(-60)


def test_it_holds_no_more_than_its_window_of_short_blocks():
    floor = NoiseFloor()
    for _ in range(5000):
        floor.push(-50.0, 0.01)
    floor.push(-50.0, 0.0)
    assert len(floor._blocks) <= WINDOW_S / 0.01 + 2
