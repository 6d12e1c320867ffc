"""How a size that a broker does not take is told from a network that fails."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.mqtt.tolerance import TRIES, Tolerance


class Broker:
    """Cuts the connection at messages of more bytes than it takes, or at any moment.

    Args:
        most: Bytes that it takes.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.tolerance = Tolerance()
        self.connections = 0

    def deliver(self, *sizes: int) -> list[int]:
        """Those that are refused; the others arrive, in the end, some of them several times."""
        waiting, refused = list(sizes), []
        while waiting:
            self.connections += 1
            assert self.connections < 100, "for ever"
            waiting = self._connect(waiting, refused)
        return refused

    def _connect(self, sizes: list[int], refused: list[int]) -> list[int]:
        """What is left when the connection is lost."""
        self.tolerance.begin()
        on_their_way: list[int] = []
        for number, size in enumerate(sizes):
            if self.tolerance.refuses(size):
                refused.append(size)
                continue
            is_doubtful = self.tolerance.doubts(size)
            if is_doubtful:
                self._answer(on_their_way)
            self.tolerance.send(size)
            on_their_way.append(size)
            if size > self.most:
                self.tolerance.lose()
                return on_their_way + sizes[number + 1 :]
            if is_doubtful:
                self._answer(on_their_way)
        self._answer(on_their_way)
        return []

    def _answer(self, on_their_way: list[int]) -> None:
        for size in on_their_way:
            self.tolerance.settle(size, taken=True)
        on_their_way.clear()


def test_a_message_at_which_every_connection_is_lost_is_too_large_after_three_tries_by_itself():
    broker = Broker(2000)
    assert broker.deliver(300, 400, 5000, 350) == [5000]
    assert broker.connections == 1 + TRIES + 1, "lost with others, lost by itself, and one that lasts"
    assert broker.tolerance.too_large == 5000
    assert broker.deliver(6000, 300) == [6000], "what is as large needs no tries of its own"


def test_a_smaller_one_is_tried_anew():
    broker = Broker(2000)
    assert broker.deliver(300, 5000, 3000, 1999) == [5000, 3000]
    assert broker.tolerance.too_large == 3000


@given(st.lists(st.integers(1, 3000), max_size=20), st.integers(1, 3000))
def test_what_the_broker_takes_arrives_and_the_rest_is_refused(sizes: list[int], most: int):
    assert sorted(Broker(most).deliver(*sizes)) == sorted(size for size in sizes if size > most)


def lose_with(tolerance: Tolerance, size: int, times: int = 1) -> None:
    for _ in range(times):
        tolerance.begin()
        tolerance.send(size)
        tolerance.lose()


def test_a_message_no_larger_than_one_that_arrived_is_never_suspected():
    tolerance = Tolerance()
    tolerance.send(900)
    tolerance.settle(900, taken=True)
    lose_with(tolerance, 900, times=10)
    assert not tolerance.doubts(900)
    assert not tolerance.refuses(900)


def test_a_connection_that_is_lost_before_the_try_speaks_for_the_message():
    tolerance = Tolerance()
    lose_with(tolerance, 900)
    for _ in range(10):
        lose_with(tolerance, 900, times=TRIES - 1)
        tolerance.begin()
        tolerance.lose()
    assert tolerance.doubts(900)
    assert not tolerance.refuses(900)


def test_an_answer_even_a_refusal_ends_the_row():
    tolerance = Tolerance()
    lose_with(tolerance, 900, times=TRIES)
    tolerance.begin()
    tolerance.send(900)
    tolerance.settle(900, taken=False)
    lose_with(tolerance, 900, times=TRIES - 1)
    assert not tolerance.refuses(900)
    lose_with(tolerance, 900)
    assert tolerance.refuses(900)
