"""Telling lost sound from late sound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sources.gaps import GapMeter

RATE_HZ = 48_000
BLOCK = 960
BLOCK_S = 0.02


class Device:
    """Delivers blocks to a meter; the test moves its two clocks."""

    def __init__(self):
        self.meter = GapMeter(RATE_HZ)
        self.lost_s = 0.0
        self._time_s = 1000.0

    def skip(self, duration_s):
        """Sound is recorded that never arrives."""
        self._time_s += duration_s

    def deliver(self, blocks=1, *, arrives_late_s=0.0, stamp_error_s=0.0, overflow=False, clock_error=0.0):
        for _ in range(blocks):
            lost = self.meter.push(
                arrived_s=self._time_s + BLOCK_S + arrives_late_s,
                recorded_s=self._time_s + stamp_error_s,
                frames=BLOCK,
                overflow=overflow,
            )
            self.lost_s += lost / RATE_HZ
            self._time_s += BLOCK_S * (1 + clock_error)


@pytest.fixture
def device():
    device = Device()
    device.deliver(150)
    return device


def test_a_device_that_keeps_time_has_lost_nothing(device):
    device.deliver(5_000)
    assert device.lost_s == 0


@given(gaps_s=st.lists(st.floats(0.11, 100), min_size=1, max_size=4), blocks=st.integers(101, 300))
def test_every_gap_is_counted_once_and_in_full(gaps_s, blocks):
    device = Device()
    device.deliver(150)
    for gap_s in gaps_s:
        device.skip(gap_s)
        device.deliver(blocks)
    assert device.lost_s == pytest.approx(sum(gaps_s), abs=0.001 * len(gaps_s))


def test_a_gap_is_counted_within_two_seconds(device):
    device.skip(0.5)
    device.deliver(100)
    assert device.lost_s == pytest.approx(0.5)


@given(
    st.lists(st.tuples(st.floats(0, 0.09), st.floats(-0.09, 0)), min_size=1, max_size=100),
)
def test_jitter_is_not_a_gap(jitter):
    device = Device()
    for number in range(500):
        arrives_late_s, stamp_error_s = jitter[number % len(jitter)]
        device.deliver(arrives_late_s=arrives_late_s, stamp_error_s=stamp_error_s)
    assert device.lost_s == 0


def test_a_stall_that_is_made_up_for_is_not_a_gap(device):
    """As measured: the process stops for three seconds, then gets all the sound of that time within a moment."""
    for late_blocks in range(150, 0, -1):
        device.deliver(arrives_late_s=late_blocks * BLOCK_S)
    device.deliver(500)
    assert device.lost_s == 0


def test_stamps_that_creep_up_at_the_start_are_not_a_gap():
    """As measured with PulseAudio: the latency it reports falls from half a second to nothing, the sound is whole."""
    device = Device()
    for step in range(25):
        device.deliver(stamp_error_s=-0.5 + step * BLOCK_S)
    device.deliver(500)
    assert device.lost_s == 0


def test_a_stall_while_the_stamps_creep_up_is_not_a_gap():
    """As measured: both clocks are late, each for its own wrong reason, while the sound of the stall rushes in."""
    device = Device()
    for number in range(500):
        arrives_late_s = max(0.0, 2.5 - (number - 5) * BLOCK_S) if number >= 5 else 0.0
        device.deliver(arrives_late_s=arrives_late_s, stamp_error_s=min(0.0, -0.5 + number * BLOCK_S))
    assert device.lost_s == 0


def test_a_gap_in_a_stall_is_counted_once_the_stall_is_made_up_for(device):
    device.skip(0.5)
    for late_blocks in range(150, 0, -1):
        device.deliver(arrives_late_s=late_blocks * BLOCK_S)
    device.deliver(200)
    assert device.lost_s == pytest.approx(0.5)


def test_stamps_that_jump_for_a_while_are_not_a_gap(device):
    device.deliver(300, stamp_error_s=-0.4)
    device.deliver(300, stamp_error_s=0.4)
    device.deliver(300)
    assert device.lost_s == 0


def test_a_device_whose_clock_is_slow_has_lost_nothing(device):
    device.deliver(50 * 600, clock_error=0.001)
    assert device.lost_s == 0


def test_a_short_gap_is_counted_if_the_device_flagged_it(device):
    device.skip(0.05)
    device.deliver(1, overflow=True)
    device.deliver(200)
    assert device.lost_s == pytest.approx(0.05)
