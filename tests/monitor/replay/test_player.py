import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.replay.player import FASTEST, SLOWEST, Player

TIMED = [(float(second), f"e{second}") for second in range(100)]


def player(speed: float = 1.0) -> Player[str]:
    return Player(iter(TIMED), speed=speed, now_s=1000.0)


def names(given: object) -> list[str]:
    return [name for _, name in given]  # type: ignore[attr-defined]


def test_events_come_when_their_time_has_come_and_in_order() -> None:
    played = player()
    assert names(played.due(1000.0)) == ["e0"]
    assert names(played.due(1000.9)) == []
    assert names(played.due(1003.2)) == ["e1", "e2", "e3"]
    assert played.position_s(1003.2) == pytest.approx(3.2)


@pytest.mark.parametrize("speed", [0.25, 1.0, 8.0, 64.0])
def test_speed_stretches_time(speed: float) -> None:
    played = player(speed)
    assert len(names(played.due(1000.0 + 10.5 / speed))) == 11
    assert played.wait_s(1000.0 + 10.5 / speed) == pytest.approx(0.5 / speed)


def test_a_pause_holds_the_position_and_nothing_is_due() -> None:
    played = player()
    names(played.due(1002.0))
    played.pause(1002.5, paused=True)
    assert names(played.due(2000.0)) == []
    assert played.wait_s(2000.0) == math.inf
    assert played.position_s(2000.0) == pytest.approx(2.5)
    played.pause(2000.0, paused=False)
    assert names(played.due(2000.6)) == ["e3"]


def test_a_change_of_speed_does_not_jump_and_stays_within_its_limits() -> None:
    played = player()
    names(played.due(1010.0))
    played.change_speed(2.0, 1010.0)
    assert played.position_s(1010.0) == pytest.approx(10.0)
    assert played.position_s(1011.0) == pytest.approx(12.0)
    played.change_speed(1000.0, 1011.0)
    assert played.speed == FASTEST
    played.change_speed(0.01, 1011.0)
    assert played.speed == SLOWEST


def test_without_pacing_all_is_due_at_once_unless_paused() -> None:
    played = player(math.inf)
    played.pause(1000.0, paused=True)
    assert names(played.due(1000.0)) == ["e0"]
    played.pause(1000.0, paused=False)
    assert played.wait_s(1000.0) == 0.0
    assert len(names(played.due(1000.0))) == len(TIMED) - 1
    assert played.ended


def test_it_ends_at_the_last_event_and_goes_no_further() -> None:
    played = player()
    names(played.due(5000.0))
    assert played.ended
    assert played.position_s(9000.0) == TIMED[-1][0]
    assert played.wait_s(9000.0) == math.inf


def test_it_goes_on_from_where_it_was_put() -> None:
    played = player()
    names(played.due(1050.0))
    played.load(iter(TIMED[21:]), position_s=20.5, now_s=1050.0)
    assert names(played.due(1050.6)) == ["e21"]
    played.load(iter([]), position_s=99.0, now_s=1050.6)
    assert played.ended
    assert played.position_s(2000.0) == 99.0


@given(
    gaps=st.lists(st.floats(0.0, 5.0), min_size=1, max_size=50),
    looks=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=50),
    speed=st.sampled_from([0.25, 1.0, 3.0, 64.0]),
)
def test_every_event_comes_once_in_order_and_never_too_early(
    gaps: list[float], looks: list[float], speed: float
) -> None:
    timed, at_s = [], 0.0
    for number, gap_s in enumerate(gaps):
        at_s += gap_s
        timed.append((at_s, number))
    played = Player(iter(timed), speed=speed, now_s=0.0)
    now_s, seen = 0.0, []
    for step_s in [*looks, at_s / speed + 1.0]:
        now_s += step_s
        for position_s, number in played.due(now_s):
            assert position_s <= now_s * speed + 1e-9
            seen.append(number)
    assert seen == list(range(len(timed)))
