"""No task ends unseen."""

import asyncio
import logging

import pytest

from core import tasks
from core.errors import WorkerError
from tests.patience import until


async def fail(error: Exception) -> None:
    raise error


async def test_a_task_that_fails_is_in_the_log_at_once_by_its_name(caplog: pytest.LogCaptureFixture):
    task = tasks.start(fail(LookupError("a bug")), name="health")
    await until(lambda: "health failed unexpectedly: LookupError('a bug')" in caplog.text)
    assert task.done()
    assert "Traceback" in caplog.text


async def test_an_error_of_ours_is_one_line(caplog: pytest.LogCaptureFixture):
    tasks.start(fail(WorkerError("no worker", hint="wait")), name="health")
    await until(lambda: "health failed: no worker (wait)" in caplog.text)
    assert "Traceback" not in caplog.text


async def test_a_task_that_was_cancelled_has_not_failed(caplog: pytest.LogCaptureFixture):
    task = tasks.keep(lambda: asyncio.sleep(600), name="health")
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert caplog.text == ""


async def test_kept_work_begins_again_until_it_returns(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.ERROR)
    begun = []

    async def work() -> None:
        begun.append(1)
        if len(begun) < 4:
            raise OSError(24, "Too many open files")

    await tasks.keep(work, name="health", restart_s=(0.001, 600.0))
    assert len(begun) == 4
    assert [record.message.rpartition(";")[2] for record in caplog.records] == [
        " it begins again in 0.001 s",
        " it begins again in 0.002 s",
        " it begins again in 0.004 s",
    ]
