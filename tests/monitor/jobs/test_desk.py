"""A worker's side: nothing is read twice, and nothing is acknowledged before its result is out."""

import numpy as np

from core.distribution import EmotionDistribution
from core.model import Reading
from core.wire.events import ModelStamp
from monitor.jobs.desk import KEPT, Desk
from monitor.jobs.envelope import Job, new_segment, pack_job, unpack_job

STAMP = ModelStamp(name="m", sha256="", prompt="", readout="")
HEARD = Reading(distribution=EmotionDistribution(0.1, 0.2, 0.3, 0.4))


def job(*, attempt: int = 1, segment=None, identity: str = "m") -> Job:
    segment = segment or new_segment(np.zeros(8, np.int16), anchor=None)
    return unpack_job(pack_job(segment, attempt=attempt, run="r", valid_s=10, identity=identity))


def take(desk: Desk, one: Job, token: str, now: float = 0.0):
    return desk.take(one, token, now, reply_to="answers", valid_s=10)


def test_a_job_is_read_once_and_acknowledged_with_its_result():
    desk: Desk[str] = Desk("w", "m")
    assert take(desk, one := job(), "t1") is None
    (batch, late) = desk.next(1, 4)
    assert ([held.job for held in batch], late, len(desk), desk.held) == ([one], [], 0, 1)
    reply = desk.answer(batch[0], HEARD, STAMP)
    assert (reply.topic, reply.tokens, reply.result.id, reply.result.worker) == ("answers", ["t1"], one.message.id, "w")
    assert desk.held == 0


def test_one_that_comes_again_while_it_is_held_is_not_read_again_and_acknowledged_as_well():
    desk: Desk[str] = Desk("w", "m")
    segment = new_segment(np.zeros(8, np.int16), anchor=None)
    take(desk, job(segment=segment), "t1")
    assert take(desk, job(segment=segment, attempt=2), "t2") is None
    (held,), _ = desk.next(1, 4)
    take(desk, job(segment=segment, attempt=3), "t3")
    assert desk.next(1, 4) == ([], [])
    assert desk.answer(held, HEARD, STAMP).tokens == ["t1", "t2", "t3"]
    assert desk.repeated == 2


def test_one_that_comes_again_after_it_was_answered_gets_the_same_result():
    desk: Desk[str] = Desk("w", "m")
    segment = new_segment(np.zeros(8, np.int16), anchor=None)
    take(desk, job(segment=segment), "t1")
    (held,), _ = desk.next(1, 4)
    first = desk.answer(held, HEARD, STAMP)
    again = take(desk, job(segment=segment, attempt=2), "t2")
    assert again.result is first.result
    assert again.tokens == ["t2"]


def test_jobs_are_read_in_order_as_many_as_wanted_and_those_too_late_not_at_all():
    desk: Desk[str] = Desk("w", "m")
    late, first, second, third = (job() for _ in range(4))
    take(desk, late, "late", now=-5)
    for one, token in ((first, "1"), (second, "2"), (third, "3")):
        take(desk, one, token)
    batch, tokens = desk.next(6, 2)
    assert ([held.job for held in batch], tokens) == ([first, second], ["late"])
    assert (desk.expired, len(desk)) == (1, 1)


def test_a_job_for_another_model_and_all_that_waits_at_the_end_are_passed_on():
    desk: Desk[str] = Desk("w", "m")
    reply = take(desk, job(identity="other"), "t1")
    assert (reply.result.reading, reply.result.declined, reply.tokens) == (
        None,
        "another model is at work here",
        ["t1"],
    )
    take(desk, job(), "t2")
    (reply,) = desk.decline_all("stopping")
    assert (reply.result.declined, reply.tokens, desk.held) == ("stopping", ["t2"], 0)
    assert desk.declined == 2


def test_what_came_on_a_connection_that_is_gone_is_read_and_acknowledged_to_nobody():
    desk: Desk[str] = Desk("w", "m")
    take(desk, job(), "t1")
    desk.disconnect()
    (held,), _ = desk.next(1, 4)
    assert desk.answer(held, HEARD, STAMP).tokens == []


def test_the_results_that_are_kept_are_bounded():
    desk: Desk[str] = Desk("w", "m")
    first = job()
    for one in [first, *(job() for _ in range(KEPT))]:
        take(desk, one, "t")
        (held,), _ = desk.next(1, 1)
        desk.answer(held, HEARD, STAMP)
    assert take(desk, first, "t") is None  # forgotten: it is read again
