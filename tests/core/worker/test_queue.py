from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.settings import WorkerSettings
from core.sound.utterance import Utterance
from core.worker.queue import OVERLOAD, SUPERSEDED, TOO_LATE, DroppedJob, Job, UtteranceQueue


def job(stream="a", number=0, *, final=True, at=0.0, paced=True) -> Job:
    utterance = Utterance(number=number, start=0, samples=np.zeros(1, np.int16), final=final)
    return Job(stream=stream, utterance=utterance, queued_at=at, paced=paced)


def queue(bound=4, max_wait_s=10.0) -> UtteranceQueue:
    return UtteranceQueue(WorkerSettings(queue_per_stream=bound, max_wait_s=max_wait_s))


def names(jobs) -> list[tuple[str, int]]:
    return [(one.stream, one.utterance.number) for one in jobs]


def reasons(dropped) -> list[tuple[int, str]]:
    return [(one.job.utterance.number, one.reason) for one in dropped]


def test_a_stream_keeps_its_order():
    waiting = queue()
    for number in range(3):
        assert waiting.push(job(number=number), now=0) == []
    assert names(waiting.pop(now=0, max_batch=2)[0]) == [("a", 0), ("a", 1)]
    assert names(waiting.pop(now=0, max_batch=2)[0]) == [("a", 2)]
    assert waiting.pop(now=0, max_batch=2) == ([], [])


def test_streams_are_served_in_turn_however_much_one_of_them_talks():
    waiting = queue()
    for number in range(4):
        waiting.push(job("talks", number), now=0)
    waiting.push(job("quiet", 0), now=0)
    waiting.push(job("rare", 0), now=0)
    order = [names(waiting.pop(now=0, max_batch=1)[0])[0][0] for _ in range(6)]
    assert order == ["talks", "quiet", "rare", "talks", "talks", "talks"]


def test_a_stream_that_was_just_served_waits_behind_the_others():
    waiting = queue()
    waiting.push(job("a", 0), now=0)
    waiting.push(job("a", 1), now=0)
    waiting.push(job("b", 0), now=0)
    waiting.pop(now=0, max_batch=1)
    waiting.push(job("a", 2), now=0)
    assert names(waiting.pop(now=0, max_batch=4)[0]) == [("b", 0), ("a", 1), ("a", 2)]


def test_overload_drops_the_oldest_of_the_stream_that_overflows():
    waiting = queue(bound=2)
    waiting.push(job("b", 0), now=0)
    waiting.push(job("a", 0), now=1)
    waiting.push(job("a", 1), now=1)
    assert reasons(waiting.push(job("a", 2), now=1)) == [(0, OVERLOAD)]
    assert len(waiting) == 3


def test_overload_drops_an_interim_before_any_final():
    waiting = queue(bound=2)
    waiting.push(job(number=0), now=0)
    waiting.push(job(number=1, final=False), now=0)
    assert reasons(waiting.push(job(number=2), now=0)) == [(1, OVERLOAD)]
    assert reasons(waiting.push(job(number=3, final=False), now=0)) == [(3, OVERLOAD)]
    assert names(waiting.pop(now=0, max_batch=9)[0]) == [("a", 0), ("a", 2)]


def test_a_newer_version_of_an_utterance_supersedes_an_interim():
    waiting = queue()
    first, second, final = job(final=False), job(final=False), job()
    waiting.push(job("b", 0, final=False), now=0)
    waiting.push(first, now=0)
    assert waiting.push(second, now=1) == [DroppedJob(first, SUPERSEDED)]
    assert waiting.push(final, now=2) == [DroppedJob(second, SUPERSEDED)]
    assert names(waiting.pop(now=2, max_batch=9)[0]) == [("a", 0), ("b", 0)]


def test_a_final_utterance_is_never_superseded():
    waiting = queue()
    waiting.push(job(number=0), now=0)
    assert waiting.push(job(number=0, final=False), now=0) == []
    assert reasons(waiting.push(job(number=0), now=0)) == [(0, SUPERSEDED)]
    assert [one.utterance.final for one in waiting.pop(now=0, max_batch=9)[0]] == [True, True]


def test_superseding_makes_room_before_anything_is_dropped_for_overload():
    waiting = queue(bound=2)
    waiting.push(job(number=0), now=0)
    waiting.push(job(number=1, final=False), now=0)
    assert reasons(waiting.push(job(number=1), now=0)) == [(1, SUPERSEDED)]


def test_what_waited_too_long_is_not_read():
    waiting = queue(max_wait_s=10)
    waiting.push(job("a", 0, at=0.0), now=0)
    waiting.push(job("b", 1, at=5.0), now=5)
    assert waiting.pop(now=10, max_batch=0) == ([], [])
    batch, dropped = waiting.pop(now=10.1, max_batch=9)
    assert names(batch) == [("b", 1)]
    assert reasons(dropped) == [(0, TOO_LATE)]


def test_a_push_clears_out_what_is_too_late_before_it_calls_overload():
    waiting = queue(bound=2, max_wait_s=10)
    waiting.push(job(number=0, at=0.0), now=0)
    waiting.push(job(number=1, at=9.0), now=9)
    assert reasons(waiting.push(job(number=2, at=11.0), now=11)) == [(0, TOO_LATE)]


def test_a_source_that_waits_for_the_model_is_never_too_late():
    waiting = queue(bound=2, max_wait_s=10)
    assert waiting.has_room("file")
    waiting.push(job("file", 0, paced=False), now=0)
    assert waiting.has_room("file")
    waiting.push(job("file", 1, paced=False), now=0)
    assert not waiting.has_room("file")
    assert waiting.has_room("other")
    batch, dropped = waiting.pop(now=1e6, max_batch=1)
    assert names(batch) == [("file", 0)]
    assert dropped == []
    assert waiting.has_room("file")


def test_clearing_gives_back_what_waits_of_one_stream_or_of_all():
    waiting = queue()
    for stream in "abc":
        waiting.push(job(stream), now=0)
    assert names(one.job for one in waiting.clear("ended", "b")) == [("b", 0)]
    assert waiting.clear("ended", "b") == []
    assert {(one.job.stream, one.reason) for one in waiting.clear("stopping")} == {("a", "stopping"), ("c", "stopping")}
    assert len(waiting) == 0


@dataclass
class Out:
    job: Job
    reason: str | None


class QueueMachine(RuleBasedStateMachine):
    """Any order of pushes and pops: every job comes out once, in order, with a reason if it was not read."""

    def __init__(self) -> None:
        super().__init__()
        self.bound, self.max_wait_s = 3, 5.0
        self.queue = queue(self.bound, self.max_wait_s)
        self.now = 0.0
        self.pushed: list[Job] = []
        self.out: list[Out] = []
        self.running: dict[str, int] = {}

    def left(self, dropped: list[DroppedJob]) -> None:
        self.out += [Out(one.job, one.reason) for one in dropped]

    @rule(stream=st.sampled_from("abc"), final=st.booleans(), paced=st.booleans())
    def push(self, stream, final, paced):
        number = self.running.get(stream, 0)
        self.running[stream] = number + final
        new = job(stream, number, final=final, at=self.now, paced=paced)
        had_room = self.queue.has_room(stream)
        dropped = self.queue.push(new, self.now)
        self.pushed.append(new)
        self.left(dropped)
        if had_room:
            assert OVERLOAD not in {one.reason for one in dropped}
        assert [one.reason for one in dropped].count(OVERLOAD) <= 1

    @rule(max_batch=st.integers(1, 5))
    def pop(self, max_batch):
        waiting = len(self.queue)
        batch, dropped = self.queue.pop(self.now, max_batch)
        self.left(dropped)
        self.out += [Out(one, None) for one in batch]
        assert len(batch) == min(max_batch, waiting - len(dropped))
        for one in batch:
            assert not one.paced or self.now - one.queued_at <= self.max_wait_s

    @rule(seconds=st.floats(0, 4))
    def wait(self, seconds):
        self.now += seconds

    @precondition(lambda self: self.pushed)
    @rule(stream=st.sampled_from("abc"))
    def clear(self, stream):
        self.left(self.queue.clear("ended", stream))
        assert self.queue.has_room(stream)

    @invariant()
    def every_job_is_in_exactly_one_place(self):
        assert len(self.queue) + len(self.out) == len(self.pushed)
        assert Counter(id(out.job) for out in self.out) <= Counter(id(one) for one in self.pushed)

    @invariant()
    def no_stream_exceeds_the_bound(self):
        gone = {id(out.job) for out in self.out}
        waiting = Counter(one.stream for one in self.pushed if id(one) not in gone)
        assert all(count <= self.bound for count in waiting.values())

    @invariant()
    def a_stream_is_read_in_order(self):
        position = {id(one): index for index, one in enumerate(self.pushed)}
        for stream in "abc":
            read = [position[id(out.job)] for out in self.out if out.job.stream == stream and out.reason is None]
            assert read == sorted(read)

    @invariant()
    def finals_fall_only_to_overload_age_or_clearing(self):
        assert all(not out.job.utterance.final for out in self.out if out.reason == SUPERSEDED)


TestAnyOrder = QueueMachine.TestCase
TestAnyOrder.settings = settings(max_examples=50)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=16), st.integers(1, 4))
def test_no_stream_waits_for_more_than_one_turn_of_the_others(streams, max_batch):
    waiting = queue(bound=16)
    for number, stream in enumerate(streams):
        waiting.push(job(stream, number), now=0)
    order: list[str] = []
    while len(waiting):
        order += [one.stream for one in waiting.pop(now=0, max_batch=max_batch)[0]]
    left = Counter(streams)
    turn: set[str] = set()
    for stream in order:
        if stream in turn:
            assert not {other for other in left if left[other]} - turn
            turn = set()
        turn.add(stream)
        left[stream] -= 1


def test_where_a_reading_changes_the_next_one_no_two_of_a_stream_are_read_at_once():
    waiting = UtteranceQueue(WorkerSettings(queue_per_stream=4), one_each=True)
    for stream, number in (("a", 0), ("a", 1), ("b", 0)):
        waiting.push(job(stream, number), now=0)
    assert names(waiting.pop(now=0, max_batch=4)[0]) == [("a", 0), ("b", 0)]
    assert names(waiting.pop(now=0, max_batch=4)[0]) == [("a", 1)]


def test_an_utterance_that_is_over_goes_before_those_of_others_that_go_on():
    waiting = queue()
    waiting.push(job("a", final=False), now=0)
    waiting.push(job("b", final=False), now=0)
    waiting.push(job("c"), now=0)
    waiting.push(job("d"), now=0)
    order = [names(waiting.pop(now=0, max_batch=1)[0])[0][0] for _ in range(4)]
    assert order == ["c", "d", "a", "b"]


def patient(batch_wait_s: float) -> UtteranceQueue:
    return UtteranceQueue(WorkerSettings(batch_wait_s=batch_wait_s))


def test_an_utterance_waits_for_company_no_longer_than_its_budget():
    waiting = patient(0.5)
    waiting.push(job("a", at=10.0), now=10.0)
    assert waiting.wait_s(now=10.1, batch=4) == pytest.approx(0.4)
    waiting.push(job("b", at=10.3), now=10.3)
    assert waiting.wait_s(now=10.4, batch=4) == pytest.approx(0.1)  # the eldest's
    assert waiting.wait_s(now=10.6, batch=4) == 0


def test_nobody_waits_where_no_company_can_come_or_all_is_there():
    waiting = patient(0.5)
    assert waiting.wait_s(now=10.0, batch=4) == 0
    waiting.push(job("a", at=10.0), now=10.0)
    assert waiting.wait_s(now=10.0, batch=1) == 0
    waiting.push(job("b", at=10.0), now=10.0)
    assert waiting.wait_s(now=10.0, batch=2) == 0
    without = patient(0.0)
    without.push(job("a", at=10.0), now=10.0)
    assert without.wait_s(now=10.0, batch=4) == 0
