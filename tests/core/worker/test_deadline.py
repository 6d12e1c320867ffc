"""When a batch is late: pure, with times made of numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.worker.deadline import ENOUGH, Deadline


def known(took_s: float, utterances: int = 1, *, written: bool = False) -> Deadline:
    deadline = Deadline(most_s=60.0)
    for _ in range(ENOUGH):
        deadline.note(took_s, utterances, written=written)
    return deadline


def test_while_little_is_known_a_batch_may_take_as_long_as_the_setting_says():
    deadline = Deadline(most_s=60.0)
    for _ in range(ENOUGH - 1):
        deadline.note(0.05, 1, written=False)
    assert deadline.of(1, written=False) == 60.0


@pytest.mark.parametrize(("took_s", "may_take_s"), [(0.05, 5.0), (0.5, 5.0), (1.0, 10.0), (6.0, 60.0), (30.0, 60.0)])
def test_it_is_ten_times_what_was_usual_within_bounds(took_s: float, may_take_s: float):
    assert known(took_s).of(1, written=False) == may_take_s


def test_larger_batches_may_take_longer():
    assert known(2.0, 4).of(8, written=False) == 40.0


def test_written_answers_are_a_kind_of_their_own():
    deadline = known(1.0)
    assert deadline.of(1, written=True) == 60.0
    assert deadline.of(1, written=False) == 10.0


def test_a_rare_slow_batch_is_not_the_usual():
    deadline = known(1.0)
    for took_s in (*[1.0] * 194, 6.0):
        deadline.note(took_s, 1, written=False)
    assert deadline.of(1, written=False) == 10.0


def test_a_machine_that_has_become_slow_gets_ever_more_time_and_less_when_it_is_fast_again():
    deadline = known(0.1)
    deadline.miss()
    assert deadline.of(1, written=False) == 10.0
    deadline.note(8.0, 1, written=False)
    deadline.miss()
    assert deadline.of(1, written=False) > 10.0
    deadline.forget()
    assert deadline.of(1, written=False) == 60.0
    fast = known(0.1)
    fast.miss()
    fast.note(0.1, 1, written=False)
    assert fast.of(1, written=False) == 5.0


@given(st.lists(st.none() | st.floats(0, 1e6), max_size=300), st.integers(1, 32), st.floats(0.01, 1e6))
def test_it_never_leaves_its_bounds(batches: list[float | None], utterances: int, most_s: float):
    deadline = Deadline(most_s=most_s)
    for took_s in batches:
        deadline.miss() if took_s is None else deadline.note(took_s, utterances, written=False)
        assert min(5.0, most_s) <= deadline.of(utterances, written=False) <= most_s
