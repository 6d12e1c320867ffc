"""What strangers cause does not fill the log."""

from monitor.websocket.throttle import Throttle


def test_the_first_is_told_and_then_one_at_a_time_with_the_number_of_those_between():
    throttle = Throttle(10.0)
    assert [throttle.push("origin", now_s) for now_s in (0.0, 1.0, 9.9, 10.0, 10.1)] == [0, None, None, 2, None]


def test_each_kind_is_counted_for_itself():
    throttle = Throttle(10.0)
    assert [throttle.push(kind, 0.0) for kind in ("origin", "refusal", "origin")] == [0, 0, None]
