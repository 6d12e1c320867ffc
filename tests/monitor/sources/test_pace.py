"""When played sound is due."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sources.pace import Pace
from tests.monitor.sources.hand_clock import HandClock


async def test_sound_is_due_when_it_would_have_been_spoken():
    clock = HandClock()
    pace = Pace(1.0, clock=clock.now, sleep=clock.sleep)
    await pace.wait_until(8_000)
    assert clock.now_s == pytest.approx(0.5)


async def test_sound_is_due_sooner_at_a_higher_speed():
    clock = HandClock()
    pace = Pace(10.0, clock=clock.now, sleep=clock.sleep)
    await pace.wait_until(16_000)
    assert clock.now_s == pytest.approx(0.1)


async def test_nothing_is_waited_for_at_full_speed():
    clock = HandClock()
    pace = Pace("max", clock=clock.now, sleep=clock.sleep)
    await pace.wait_until(16_000 * 3_600)
    assert clock.now_s == 0


async def test_the_clock_starts_with_the_first_question():
    clock = HandClock()
    pace = Pace(1.0, clock=clock.now, sleep=clock.sleep)
    clock.now_s = 100.0
    await pace.wait_until(16_000)
    assert clock.now_s == pytest.approx(101.0)


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=50))
async def test_sleep_that_takes_too_long_does_not_add_up(oversleeps_s):
    clock = HandClock(oversleeps_s)
    pace = Pace(1.0, clock=clock.now, sleep=clock.sleep)
    for block in range(1, 101):
        await pace.wait_until(block * 1_600)
        assert block * 0.1 - 1e-6 <= clock.now_s <= block * 0.1 + 0.5 + 1e-6


async def test_a_clock_that_is_held_stands_still_and_goes_on_where_it_was():
    clock = HandClock()
    pace = Pace(1.0, clock=clock.now, sleep=clock.sleep)
    await pace.wait_until(16_000)
    pace.hold(held=True)
    pace.hold(held=True)
    waiting = asyncio.create_task(pace.wait_until(24_000))
    for _ in range(10):
        await asyncio.sleep(0)
    clock.now_s += 100
    assert pace.position() == pytest.approx(16_000)
    assert not waiting.done()
    pace.hold(held=False)
    pace.hold(held=False)
    await waiting
    assert clock.now_s == pytest.approx(101.5)
    assert pace.position() == pytest.approx(24_000)


@given(st.floats(0, 1), st.floats(0, 100))
async def test_sound_that_is_waited_for_when_the_clock_is_held_is_due_so_much_later(share, held_s):
    clock = HandClock()

    async def sleep(duration_s: float) -> None:
        clock.now_s += share * duration_s
        if clock.sleeps == 0:
            pace.hold(held=True)
            clock.now_s += held_s
            pace.hold(held=False)
        await clock.sleep((1 - share) * duration_s)

    pace = Pace(1.0, clock=clock.now, sleep=sleep)
    await pace.wait_until(16_000)
    assert clock.now_s == pytest.approx(1.0 + held_s)


async def test_others_run_even_when_nothing_is_waited_for():
    clock = HandClock()
    pace = Pace("max", clock=clock.now, sleep=clock.sleep)
    await pace.wait_until(16_000)
    assert clock.sleeps == 1
