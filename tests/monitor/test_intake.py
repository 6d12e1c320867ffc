"""Utterances of several streams wait for each other within their budget, and what is foreseen for all of them."""

import asyncio
import time

import numpy as np

from core.settings import WorkerSettings
from core.sound.utterance import Utterance
from core.worker.queue import Job
from monitor.intake import Intake
from tests.patience import PATIENCE_S


def job(stream: str) -> Job:
    utterance = Utterance(number=0, start=0, samples=np.zeros(1, np.int16), final=True)
    return Job(stream=stream, utterance=utterance, queued_at=time.monotonic())


async def taken(intake: Intake, streams: int):
    async with asyncio.timeout(PATIENCE_S):
        return await intake.take(lambda: streams)


async def test_a_batch_goes_as_soon_as_every_stream_is_in_it():
    intake = Intake(WorkerSettings(max_batch=8, batch_wait_s=2 * PATIENCE_S))
    await intake.put(job("a"), may_wait=False)
    batch = asyncio.create_task(taken(intake, streams=2))
    await asyncio.sleep(0.05)
    assert not batch.done()
    await intake.put(job("b"), may_wait=False)
    assert [one.stream for one in (await batch).jobs] == ["a", "b"]


async def test_a_batch_goes_without_those_who_do_not_come_in_time():
    intake = Intake(WorkerSettings(max_batch=8, batch_wait_s=0.05))
    first = job("a")
    await intake.put(first, may_wait=False)
    assert (await taken(intake, streams=2)).jobs == [first]
    assert time.monotonic() - first.queued_at >= 0.05


async def test_what_is_foreseen_is_read_while_nothing_waits_and_only_once():
    intake = Intake(WorkerSettings())
    early, waiting = job("a"), job("b")
    await intake.foresee("a", early)
    await intake.put(waiting, may_wait=False)
    first = await taken(intake, streams=2)
    assert (first.jobs, first.foreseen) == ([waiting], None)
    assert (await taken(intake, streams=2)).foreseen is early
    await intake.foresee("a", None)
    await intake.put(waiting, may_wait=False)
    assert (await taken(intake, streams=2)).foreseen is None


async def test_a_model_that_has_been_at_work_all_the_time_reads_nothing_early():
    intake = Intake(WorkerSettings())
    now = time.monotonic()
    intake.busy.note(now - 60, now)
    await intake.foresee("a", job("a"))
    take = asyncio.create_task(taken(intake, streams=1))
    await asyncio.sleep(0.05)
    assert not take.done()
    await intake.put(waiting := job("a"), may_wait=False)
    assert (await take).jobs == [waiting]


async def test_where_several_take_at_once_none_gets_a_stream_that_another_has():
    intake = Intake(WorkerSettings(), one_each=True)
    first, second, other = job("a"), job("a"), job("b")
    for one in (first, second, other):
        await intake.put(one, may_wait=False)
    assert [(await taken(intake, streams=2)).jobs for _ in range(2)] == [[first], [other]]
    waiting = asyncio.create_task(taken(intake, streams=2))
    intake.done(other)
    await intake.all_done()
    await asyncio.sleep(0.01)
    assert not waiting.done()
    intake.done(first)
    await intake.all_done()
    assert (await waiting).jobs == [second]
