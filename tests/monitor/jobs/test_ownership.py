"""Who asks owns: whatever becomes of messages, each segment is answered once or expires, and all of them add up."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.distribution import EmotionDistribution
from core.model import Reading
from monitor.jobs.envelope import Result, Segment, new_segment
from monitor.jobs.ownership import ATTEMPTS, UNHEARD_S, Ownership, Settled

HEARD = Reading(distribution=EmotionDistribution(0.1, 0.2, 0.3, 0.4))
RESEND_S, VALID_S = 3.0, 10.0


def segment() -> Segment:
    return new_segment(np.zeros(8, np.int16), anchor=None)


def result(of: Segment, reading: Reading | None = HEARD, **changes) -> Result:
    values = {"id": of.id, "attempt": 1, "sha256": of.sha256, "worker": "w", "reading": reading}
    return Result(**{**values, **changes})


def owning(*segments: Segment, now: float = 0.0) -> Ownership:
    ownership = Ownership(resend_s=RESEND_S)
    for one in segments:
        ownership.own(one, now, valid_s=VALID_S)
    return ownership


def test_what_is_not_answered_is_asked_three_times_and_then_only_waited_for():
    ownership = owning(one := segment())
    attempts = {now: [send.attempt for send in ownership.send(now)] for now in (0, 2.9, 3, 8.9, 9, 9.4)}
    assert attempts == {0: [1], 2.9: [], 3: [2], 8.9: [], 9: [3], 9.4: []}
    assert ownership.take(result(one), 9.5).result.reading is HEARD
    assert (ownership.counts.sent, ownership.counts.resent, ownership.counts.answered) == (3, 2, 1)


@pytest.mark.parametrize(
    ("read_s", "at_s"),
    [(0.5, [0, 3, 9]), (1.2, [0, 3.6]), (60, [0, 5])],
)
def test_workers_that_take_long_are_given_longer_but_leave_time_for_another(read_s, at_s):
    ownership = owning(segment())
    sent_at_s = [now for now in (0, 3, 3.6, 5, 9) if ownership.send(now, read_s=read_s)]
    assert sent_at_s == at_s


def test_a_job_says_how_long_it_is_worth_anything():
    ownership = owning(segment())
    assert [send.valid_s for send in ownership.send(4.0)] == [6.0]


def test_what_is_not_answered_by_the_deadline_expires_with_the_reason():
    ownership = owning(asked := segment(), never := segment())
    ownership.send(0)
    ownership.unheard(never.id, 0)
    assert ownership.expire(9.9) == []
    reasons = {settled.id: settled.reason for settled in ownership.expire(10.0)}
    assert reasons == {asked.id: "no answer in time, asked 1 time", never.id: "no worker in time"}
    assert len(ownership) == 0
    assert ownership.send(10.0) == []


def test_an_answer_that_comes_again_or_too_late_or_for_somebody_else_is_told_apart():
    ownership = owning(answered := segment(), expired := segment())
    ownership.send(0)
    assert ownership.take(result(answered), 1).id == answered.id
    assert ownership.take(result(answered), 1) is None
    ownership.expire(10)
    assert ownership.take(result(expired), 11) is None
    assert ownership.take(result(segment()), 11) is None
    counts = ownership.counts
    assert (counts.duplicates, counts.late, counts.strangers) == (1, 1, 1)


def test_an_answer_about_another_sound_settles_nothing():
    ownership = owning(one := segment())
    ownership.send(0)
    assert ownership.take(result(one, sha256="0"), 1) is None
    assert len(ownership) == 1


def test_what_a_worker_declines_is_asked_again_at_once_and_says_why_in_the_end():
    ownership = owning(one := segment())
    for attempt in (1, 2, 3):
        assert [send.attempt for send in ownership.send(1)] == [attempt]
        assert ownership.take(result(one, None, declined="its model keeps failing"), 1) is None
    assert ownership.send(9) == []
    (settled,) = ownership.expire(10)
    assert settled.reason == "no worker read it in time: its model keeps failing"


def test_on_a_new_connection_all_is_asked_again_and_what_nobody_heard_was_no_attempt():
    ownership = owning(one := segment())
    ownership.send(0)
    ownership.reconnect(1)
    assert [send.attempt for send in ownership.send(1)] == [2]
    ownership.unheard(one.id, 1)
    assert ownership.send(1) == []
    assert [send.attempt for send in ownership.send(1 + UNHEARD_S)] == [2]


def test_what_the_broker_refuses_is_over():
    ownership = owning(one := segment())
    ownership.send(0)
    assert ownership.refuse(one.id, "too large") == Settled(one.id, None, "too large")
    assert ownership.refuse(one.id, "too large") is None


def test_it_knows_when_it_has_something_to_do():
    ownership = owning(segment(), now=1)
    assert ownership.wake_s(sending=True) == 1
    ownership.send(1)
    assert (ownership.wake_s(sending=True), ownership.wake_s(sending=False)) == (4, 11)
    ownership.give_all_up("over")
    assert ownership.wake_s(sending=True) is None


class AnyFate(RuleBasedStateMachine):
    """Whatever order things come in."""

    @initialize()
    def begin(self):
        self.ownership = Ownership(resend_s=RESEND_S)
        self.now = 0.0
        self.segments: list[Segment] = []
        self.settled: list[str] = []
        self.sent: dict[str, int] = {}

    @rule()
    def own(self):
        self.segments.append(segment())
        self.ownership.own(self.segments[-1], self.now, valid_s=VALID_S)

    @rule(seconds=st.floats(0, 6))
    def wait(self, seconds):
        self.now += seconds
        self._settle(self.ownership.expire(self.now))

    @rule()
    def send(self):
        for send in self.ownership.send(self.now):
            self.sent[send.segment.id] = self.sent.get(send.segment.id, 0) + 1
            assert send.attempt <= ATTEMPTS
            assert send.segment.id not in self.settled
            assert 0 < send.valid_s <= VALID_S + 1e-9  # a sum and a difference of floats

    @precondition(lambda self: self.segments)
    @rule(data=st.data(), reading=st.sampled_from([HEARD, None]))
    def hear(self, data, reading):
        one = data.draw(st.sampled_from(self.segments))
        settled = self.ownership.take(result(one, reading), self.now)
        self._settle([settled] if settled else [])

    @precondition(lambda self: self.segments)
    @rule(data=st.data())
    def lose(self, data):
        self.ownership.unheard(data.draw(st.sampled_from(self.segments)).id, self.now)

    @rule()
    def reconnect(self):
        self.ownership.reconnect(self.now)

    def _settle(self, settled: list[Settled]) -> None:
        self.settled += [one.id for one in settled]

    @invariant()
    def each_is_settled_once_and_all_add_up(self):
        counts = self.ownership.counts
        assert len(self.settled) == len(set(self.settled))
        assert counts.owned == counts.answered + counts.refused + counts.expired + len(self.ownership)
        assert counts.answered + counts.expired == len(self.settled)
        assert counts.sent == sum(self.sent.values())


TestAnyFate = AnyFate.TestCase
TestAnyFate.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
