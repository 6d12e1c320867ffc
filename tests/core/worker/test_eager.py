"""Readings begun within a hangover: used only for the very utterance they are of, and every one accounted for."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.distribution import EmotionDistribution
from core.model import Reading
from core.sound.utterance import Utterance
from core.wire.events import ModelStamp
from core.worker.eager import BusyShare, EagerReading, EarlyReading
from core.worker.queue import Job

STAMP = ModelStamp(name="m", sha256="", prompt="single", readout="seq_logprob")


def job(number: int, end: int) -> Job:
    utterance = Utterance(number=number, start=0, samples=np.zeros(end, np.int16), final=True)
    return Job(stream="a", utterance=utterance, queued_at=0.0)


def early(model: ModelStamp | None = STAMP, *, failed: bool = False) -> EarlyReading:
    distribution = None if failed else EmotionDistribution.uniform()
    reading = Reading(distribution=distribution, model=model, failed=failed)
    return EarlyReading(reading=reading, started_s=0.0, took_s=0.1)


def test_what_was_foreseen_and_came_has_its_reading_already():
    eager, foreseen = EagerReading(), job(0, 10)
    eager.foresee(foreseen)
    assert eager.offer is foreseen
    eager.begin()
    assert eager.offer is None
    eager.finish(foreseen, made := early())
    eager.end(job(0, 10).utterance)
    eager.foresee(None)
    assert eager.claim(job(0, 10).utterance) is made
    assert (eager.begun, eager.used, eager.discarded) == (1, 1, 0)
    assert eager.claim(job(0, 10).utterance) is None


def test_when_speech_goes_on_the_reading_is_thrown_away_whether_it_is_finished_or_not():
    for finished_before in (True, False):
        eager, foreseen = EagerReading(), job(0, 10)
        eager.foresee(foreseen)
        eager.begin()
        if finished_before:
            eager.finish(foreseen, early())
        eager.foresee(None)
        if not finished_before:
            eager.finish(foreseen, early())
        assert (eager.begun, eager.used, eager.discarded, eager.discarded_s) == (1, 0, 1, 0.1)
        eager.end(job(0, 20).utterance)
        assert eager.claim(job(0, 20).utterance) is None


def test_a_model_that_was_not_there_is_asked_again_and_one_that_failed_is_not():
    eager, foreseen = EagerReading(), job(0, 10)
    eager.foresee(foreseen)
    eager.begin()
    eager.finish(foreseen, early(model=None))
    assert eager.offer is foreseen
    eager.begin()
    eager.finish(foreseen, early(model=None, failed=True))
    eager.end(foreseen.utterance)
    assert eager.claim(foreseen.utterance).reading.failed
    assert (eager.begun, eager.used, eager.discarded) == (2, 1, 1)


def test_an_utterance_that_comes_while_another_waits_does_not_cost_that_one_its_reading():
    eager, foreseen = EagerReading(), job(0, 10)
    eager.foresee(foreseen)
    eager.begin()
    eager.finish(foreseen, early())
    eager.end(foreseen.utterance)
    eager.end(job(1, 30).utterance)
    assert eager.claim(job(1, 30).utterance) is None
    assert eager.claim(foreseen.utterance) is not None


def test_a_model_that_rests_is_not_busy_and_one_at_work_is():
    busy = BusyShare()
    assert busy.at(1e6) == 0
    for second in range(30):
        busy.note(1e6 + second, 1e6 + second + 0.25)
    assert 0.2 < busy.at(1e6 + 30) < 0.3
    busy.note(1e6 + 30, 1e6 + 60)
    assert busy.at(1e6 + 60) > 0.99
    assert busy.at(1e6 + 90) < 0.01


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 10)), max_size=20))
def test_the_share_of_time_at_work_is_a_share(stretches):
    busy, at_s = BusyShare(), 1e5
    for idle_s, work_s in stretches:
        busy.note(at_s + idle_s, at_s + idle_s + work_s)
        at_s += idle_s + work_s
        assert 0 <= busy.at(at_s) <= 1


class Account(RuleBasedStateMachine):
    """Any order of events that a stream and the model's one queue can give."""

    @initialize()
    def begin(self):
        self.eager = EagerReading()
        self.running: Job | None = None
        self.waiting: list[Utterance] = []
        self.ends = 0
        self.number = 0

    @precondition(lambda self: not self.waiting)
    @rule()
    def silence(self):
        self.ends += 1
        self.eager.foresee(job(self.number, self.ends))

    @rule()
    def speech(self):
        self.eager.foresee(None)

    @precondition(lambda self: self.running is None and self.eager.offer is not None)
    @rule()
    def read_early(self):
        self.running = self.eager.offer
        self.eager.begin()

    @precondition(lambda self: self.running is not None)
    @rule(made=st.sampled_from([None, early(), early(model=None)]))
    def finish(self, made):
        self.eager.finish(self.running, made)
        self.running = None

    @rule(foreseen=st.booleans())
    def over(self, foreseen):
        self.ends += not foreseen
        utterance = job(self.number, max(self.ends, 1)).utterance
        self.eager.end(utterance)
        self.eager.foresee(None)
        self.waiting.append(utterance)
        self.number += 1

    @precondition(lambda self: self.waiting and self.running is None)
    @rule(dropped=st.booleans())
    def turn(self, dropped):
        utterance = self.waiting.pop(0)
        if dropped:
            self.eager.drop(utterance)
        else:
            self.eager.claim(utterance)

    @rule()
    def other_model(self):
        self.eager.forget()

    @invariant()
    def every_reading_begun_is_used_discarded_or_the_one_at_hand(self):
        if hasattr(self, "eager"):
            assert self.eager.begun - self.eager.used - self.eager.discarded in {0, 1}
            if self.running is not None:
                assert self.eager.begun - self.eager.used - self.eager.discarded == 1


TestAccount = Account.TestCase
TestAccount.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
