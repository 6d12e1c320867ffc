"""Clocks that are set while the program runs."""

import time

import pytest

from monitor.clock import WallClock, steady_s


@pytest.mark.fault(16, "clock as read, hours on and back")
def test_a_wall_clock_that_was_set_is_noticed_once_and_by_how_much(monkeypatch):
    now = {"wall": 1000.0, "steady": 7.0}
    monkeypatch.setattr(time, "time", lambda: now["wall"])
    clock = WallClock(lambda: now["steady"])
    now.update(wall=1060.1, steady=67.0)
    assert clock.moved_s() == 0, "a tenth of a second is no step"
    now.update(wall=99_060.0)
    assert clock.moved_s() == pytest.approx(98_000)
    assert clock.moved_s() == 0
    now.update(wall=60.0)
    assert clock.moved_s() == pytest.approx(-99_000)
    assert clock.offset_s == pytest.approx(60.0 - 67.0)


def test_the_steady_clock_goes_on_as_time_does():
    before_s, began_s = steady_s(), time.monotonic()
    while time.monotonic() - began_s < 0.01:
        pass
    assert 0.01 <= steady_s() - before_s < 60
