"""Monitors of one name, whatever order their messages arrive in."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.claim import Claim, ClaimError, decode_claim, encode_claim
from monitor.mqtt.tenure import Tenure

EARLY, LATE = "2026-01-01T10:00:00.000Z", "2026-01-01T11:00:00.000Z"


def hear(tenure: Tenure, claim: Claim) -> Claim | None:
    return tenure.hear(encode_claim(claim))


def test_one_that_asks_gives_up_to_one_that_holds_even_if_that_started_later():
    holder, asker = Tenure("b", LATE), Tenure("a", EARLY)
    holder.holds = True
    answer = hear(holder, asker.claim())
    assert answer
    assert hear(asker, answer) is None
    assert asker.rival == answer
    assert holder.rival is None


def test_of_two_that_ask_and_of_two_that_hold_the_one_that_started_later_gives_up():
    for holds in (False, True):
        first, second = Tenure("b", EARLY), Tenure("a", LATE)
        first.holds = second.holds = holds
        answer = hear(first, second.claim())
        assert answer
        assert hear(second, answer) is None
        assert (first.rival, second.rival) == (None, answer)


def test_nobody_gives_up_to_a_claim_that_is_no_answer_to_its_own():
    ours = Tenure("b", LATE)
    old_news = Tenure("a", EARLY).claim()
    asked = hear(ours, old_news)
    assert asked
    assert asked.to == "a"
    assert ours.rival is None


def test_its_own_claims_are_no_news_and_what_is_no_claim_is_ignored():
    ours = Tenure("a", EARLY)
    assert ours.hear(b"online") is None
    assert ours.hear(b'{"run": 1}') is None
    assert ours.hear(b"[" * 100_000) is None
    assert not ours.heard_itself
    assert hear(ours, ours.claim()) is None
    assert ours.heard_itself


def test_a_claim_keeps_its_values_and_new_fields_do_no_harm():
    claim = Tenure("a", EARLY).claim(to="b")
    data = encode_claim(claim)
    assert decode_claim(data) == claim
    assert decode_claim(data[:-1] + b', "more": 1}') == claim
    with pytest.raises(ClaimError):
        decode_claim(data.replace(b"claim/1", b"claim/2"))


class Room:
    """Monitors at one broker, which brings every message to all who are connected, in the same order."""

    def __init__(self, starts: list[int]) -> None:
        self.tenures = [Tenure(f"run {n}", f"2026-01-01T10:00:0{start}.000Z") for n, start in enumerate(starts)]
        self.inboxes: list[deque[Claim] | None] = [None] * len(starts)

    def say(self, claim: Claim | None) -> None:
        for inbox in self.inboxes:
            if inbox is not None and claim is not None:
                inbox.append(claim)

    def act(self, who: int, what: str) -> None:
        tenure, inbox = self.tenures[who], self.inboxes[who]
        if tenure.rival or what == "lose connection":
            self.inboxes[who] = None
        elif inbox is None:
            self.inboxes[who] = deque()
            self.say(tenure.claim())
        elif inbox:
            self.say(hear(tenure, inbox.popleft()))
        elif what == "nobody objects":
            tenure.holds = True


@given(
    starts=st.lists(st.integers(0, 2), min_size=2, max_size=4),
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["go on", "go on", "nobody objects", "lose connection"])),
        max_size=60,
    ),
)
def test_in_the_end_exactly_one_is_left_whatever_happened_before(starts, steps):
    room = Room(starts)
    for who, what in steps:
        room.act(who % len(starts), what)
    assert any(tenure.rival is None for tenure in room.tenures)
    for _ in range(50):  # from now on connections last
        for who in range(len(starts)):
            room.act(who, "nobody objects")
    for who, tenure in enumerate(room.tenures):  # as on any later connection
        if tenure.rival is None:
            room.inboxes[who] = None
            room.act(who, "go on")
    for _ in range(50):
        for who in range(len(starts)):
            room.act(who, "nobody objects")
    assert [tenure.rival for tenure in room.tenures].count(None) == 1
