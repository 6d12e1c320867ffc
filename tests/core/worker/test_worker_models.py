"""Models that the worker loads, refuses, and puts in the place of one another."""

import asyncio
import os
import signal
from pathlib import Path

import psutil
import pytest

from core.errors import ModelError, UsageError, WorkerError
from core.settings import ModelSettings, WorkerSettings
from core.worker import CircuitBreaker, InferenceWorker, WorkerStatus
from tests.core.worker.inference import (
    EXPECTED,
    SOUNDS,
    child_of,
    distributions,
    inference,
    is_gone,
)
from tests.patience import until


async def test_ready_and_health_describe_the_model():
    worker = inference()
    assert worker.health.state == "starting"
    with pytest.raises(WorkerError, match="not started"):
        await worker.read(SOUNDS)
    ready = await worker.start()
    assert (ready.stamp.name, ready.device, ready.window_s) == ("fake", "cpu", 10.0)
    assert ready.load_s > 0
    health = worker.health
    assert (health.state, health.model, health.device) == ("ready", "fake", "cpu")
    assert (health.generation, health.restarts, health.error) == (1, 0, None)
    assert health.rss_mb > 10
    with pytest.raises(WorkerError, match="once"):
        await worker.start()
    await worker.close()
    assert (worker.health.state, worker.health.rss_mb) == ("stopped", 0.0)


async def test_a_model_folder_that_breaks_later_is_told_in_the_status(tmp_path: Path):
    refused = tmp_path / "refused"
    seen: list[WorkerStatus] = []
    breaker = CircuitBreaker(limit=2, backoff_s=60)
    model = ModelSettings(name=f"fake:refused_while={refused}")
    async with InferenceWorker(model, breaker=breaker, on_change=seen.append) as worker:
        refused.touch()
        os.kill(child_of(os.getpid()), signal.SIGKILL)
        await until(lambda: seen[-1].state == "failed")
        assert "was told to refuse (remove the file)" in worker.health.error


async def test_a_refused_model_is_one_line_with_a_hint(tmp_path: Path):
    worker = inference(f"fake:refused_while={tmp_path}")
    with pytest.raises(ModelError) as caught:
        await worker.start()
    assert caught.value.one_line() == f"{tmp_path}: the fake model was told to refuse (remove the file)"
    assert not psutil.Process().children()
    assert worker.health.state == "stopped"


async def test_a_model_that_does_not_exist_is_a_usage_error():
    with pytest.raises(UsageError, match="ltu-as-maxi: no such model"):
        await inference("ltu-as-maxi").start()
    with pytest.raises(UsageError, match="the fake model cannot take 'speed=3'"):
        await inference("fake:speed=3").start()


@pytest.mark.fault(9, "exit while it loads")
async def test_a_process_that_dies_while_loading_is_told_in_one_line(tmp_path: Path):
    with pytest.raises(WorkerError, match="did not get ready: exit code 70"):
        await inference(f"fake:broken_while={tmp_path}").start()


async def test_loading_that_takes_too_long_is_given_up():
    with pytest.raises(WorkerError, match=r"no answer within 0.4 s") as caught:
        await inference("fake:load_s=60", start_timeout_s=0.4).start()
    assert "start_timeout_s" in caught.value.hint
    assert not psutil.Process().children()


async def test_a_start_that_is_interrupted_leaves_no_process():
    start = asyncio.create_task(inference("fake:load_s=60").start())
    await until(lambda: len(psutil.Process().children()) == 1)
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not psutil.Process().children()


async def test_closing_during_the_start_leaves_no_process():
    worker = inference()
    start = asyncio.create_task(worker.start())
    await until(lambda: len(psutil.Process().children()) == 1)
    await worker.close()
    with pytest.raises(WorkerError, match="closed while it loaded"):
        await start
    assert not psutil.Process().children()


async def test_another_model_takes_over_once_it_is_ready_and_what_is_being_read_is_finished_by_the_old(tmp_path):
    hold = tmp_path / "hold"
    async with inference(f"fake:hold_while={hold},readout=old") as worker:
        hold.touch()
        begun = asyncio.create_task(worker.read(SOUNDS))
        await until(lambda: worker.health.state == "busy")
        old = child_of(os.getpid())
        replaced = asyncio.create_task(worker.replace_model(ModelSettings(name="fake", readout="vocab_prob")))
        await until(lambda: worker.health.generation == 2 and worker.health.state == "busy" and not is_gone(old))
        waiting = asyncio.create_task(worker.read(SOUNDS))
        await asyncio.sleep(1)
        hold.unlink()
        before, after = await begun, await waiting
        assert (await replaced).stamp.readout == "vocab_prob"
        await until(lambda: is_gone(old))
        os.kill(child_of(os.getpid()), signal.SIGKILL)
        await until(lambda: worker.health.state == "ready" and worker.health.generation == 3)
        (restarted,) = await worker.read(SOUNDS[:1])
        assert restarted.model.readout == "vocab_prob", "the new one is watched as the old one was"
    assert distributions(before) == distributions(after) == EXPECTED
    assert {reading.model.readout for reading in before} == {"old"}
    assert {reading.model.readout for reading in after} == {"vocab_prob"}


async def test_while_the_old_model_finishes_what_it_began_no_third_one_takes_over(tmp_path):
    hold = tmp_path / "hold"
    async with inference(f"fake:hold_while={hold},readout=old") as worker:
        hold.touch()
        begun = asyncio.create_task(worker.read(SOUNDS))
        await until(lambda: worker.health.state == "busy")
        replaced = asyncio.create_task(worker.replace_model(ModelSettings(name="fake", readout="vocab_prob")))
        await until(lambda: worker.ready.stamp.readout == "vocab_prob")
        with pytest.raises(WorkerError, match="loaded already"):
            await worker.replace_model(ModelSettings(name="fake", readout="first_piece"))
        hold.unlink()
        await asyncio.gather(begun, replaced)
        assert worker.ready.stamp.readout == "vocab_prob"


async def test_a_model_that_cannot_be_loaded_leaves_the_old_one_at_work():
    async with inference() as worker:
        pid = child_of(os.getpid())
        for name, error in (("no-such-model", UsageError), ("fake:load_s=x", UsageError)):
            with pytest.raises(error):
                await worker.replace_model(ModelSettings(name=name))
        assert distributions(await worker.read(SOUNDS)) == EXPECTED
        assert child_of(os.getpid()) == pid
        assert worker.health.model == "fake"


async def test_a_model_replaces_one_that_was_given_up_and_what_waits_for_it_is_read(tmp_path):
    broken = tmp_path / "broken"
    worker = InferenceWorker(
        ModelSettings(name=f"fake:broken_while={broken}"), WorkerSettings(), breaker=CircuitBreaker(limit=1)
    )
    async with worker:
        broken.touch()
        os.kill(child_of(os.getpid()), signal.SIGKILL)
        await until(lambda: worker.health.state == "failed")
        waiting = asyncio.create_task(worker.read(SOUNDS, patient=True))
        await worker.replace_model(ModelSettings(name="fake"))
        assert distributions(await waiting) == EXPECTED


async def test_closing_while_another_model_loads_leaves_no_process():
    async with inference() as worker:
        replacing = asyncio.create_task(worker.replace_model(ModelSettings(name="fake:load_s=30")))
        await until(lambda: len(psutil.Process().children()) == 2)
        with pytest.raises(WorkerError, match="loaded already"):
            await worker.replace_model(ModelSettings(name="fake"))
    with pytest.raises(WorkerError, match="closed"):
        await replacing
    assert not psutil.Process().children()


async def test_a_model_that_needs_more_memory_than_it_may_have_is_refused_and_takes_none():
    worker = inference("fake:load_mb=8000", memory_mb=4000)
    with pytest.raises(ModelError, match="fake:load_mb=8000 needs more memory than it may have"):
        await worker.start()
    async with inference("fake:load_mb=8", memory_mb=4000) as worker:
        assert distributions(await worker.read(SOUNDS)) == EXPECTED


async def test_a_model_that_cannot_read_the_probe_is_not_ready(tmp_path: Path):
    broken = tmp_path / "broken"
    broken.touch()
    with pytest.raises(ModelError, match="was loaded and cannot read: ValueError: log-weights must be finite"):
        await inference(f"fake:fails_while={broken}").start()
