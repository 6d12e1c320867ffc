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


def test_one_that_gave_up_only_asks_later_and_takes_the_node_when_nobody_objects():
    ours, holder = Tenure("a", EARLY), Tenure("b", LATE)
    ours.take()
    assert ours.holds
    forged = Claim(run="x", since="0", holds=True, host="mars", pid=1, to="a")
    assert hear(ours, forged) is None
    assert (ours.yields, ours.rival) == (True, forged)
    ours.take()
    assert ours.rival == forged, "an objection that came just in time counts"
    ours.ask_again()
    assert not ours.claim().holds
    holder.take()
    answer = hear(holder, ours.claim())
    assert answer
    assert hear(ours, answer) is None
    assert ours.yields, "although it was here first"
    ours.ask_again()
    ours.take()
    assert (ours.holds, ours.rival) == (True, None)


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


ACTS = ["go on", "go on", "nobody objects", "lose connection", "ask again"]


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
        if what == "ask again" and tenure.yields:
            tenure.ask_again()
        if tenure.yields or what == "lose connection":
            self.inboxes[who] = None
        elif inbox is None:
            self.inboxes[who] = deque()
            self.say(tenure.claim())
        elif inbox:
            self.say(hear(tenure, inbox.popleft()))
        elif what == "nobody objects":
            tenure.take()


@given(
    starts=st.lists(st.integers(0, 2), min_size=2, max_size=4),
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(ACTS)),
        max_size=60,
    ),
)
def test_in_the_end_exactly_one_is_left_whatever_happened_before(starts, steps):
    room = Room(starts)
    for who, what in steps:
        room.act(who % len(starts), what)
    if all(what != "ask again" for _, what in steps):  # else old news may have silenced the last one too, until it asks
        assert not all(tenure.yields for tenure in room.tenures)
    for _ in range(50):  # from now on connections last
        for who in range(len(starts)):
            room.act(who, "nobody objects")
    for who in range(len(starts)):  # as on any later connection
        room.inboxes[who] = None
        room.act(who, "ask again")
    for _ in range(50):
        for who in range(len(starts)):
            room.act(who, "nobody objects")
    assert [tenure.yields for tenure in room.tenures].count(False) == 1
