from hypothesis import given
from hypothesis import strategies as st

from core.worker import CircuitBreaker


def test_five_failures_within_a_minute_open_it():
    breaker = CircuitBreaker()
    assert [breaker.record(t) for t in (0.0, 10.0, 20.0, 30.0, 59.9)] == [0, 0, 0, 0, 5]


def test_failures_further_apart_do_not():
    breaker = CircuitBreaker()
    assert [breaker.record(15.0 * i) for i in range(100)] == [0] * 100


def test_on_probation_one_failure_doubles_the_back_off_up_to_the_most():
    breaker = CircuitBreaker(limit=1)
    delays, now_s = [], 0.0
    for _ in range(2000):
        delays.append(breaker.record(now_s))
        now_s += delays[-1] + 1
    assert delays[:6] == [5, 10, 20, 40, 60, 60]
    assert delays[-1] == 60


def test_a_quiet_minute_after_the_back_off_ends_the_probation():
    breaker = CircuitBreaker(limit=2)
    assert [breaker.record(t) for t in (0.0, 1.0)] == [0, 5]
    assert [breaker.record(t) for t in (1.0 + 5 + 60, 67.0)] == [0, 5]


@given(st.lists(st.floats(0, 100), max_size=50), st.integers(1, 6))
def test_it_never_lets_more_than_the_limit_through_within_the_window(gaps_s: list[float], limit: int):
    breaker = CircuitBreaker(limit=limit)
    now_s, free = 0.0, []
    for gap_s in gaps_s:
        now_s += gap_s
        if breaker.record(now_s) == 0:
            free.append(now_s)
            assert sum(t > now_s - breaker.window_s for t in free) < limit
