import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.model import SAMPLE_RATE_HZ
from core.settings import ModelSettings, WorkerSettings
from core.worker import CircuitBreaker, InferenceWorker, WorkerStatus
from core.worker.deadline import ENOUGH, Deadline
from tests.core.worker.inference import (
    EXPECTED,
    ROOT,
    SOUNDS,
    child_of,
    distributions,
    inference,
    is_gone,
    reasons,
)
from tests.descriptors import no_free_descriptor
from tests.patience import PATIENCE_S, until, wait_until
from tests.plugins.fake_model import FakeModel, faulty


async def test_readings_come_back_in_order_from_another_process():
    async with inference() as worker:
        readings = await worker.read(SOUNDS)
        assert child_of(os.getpid()) != os.getpid()
    assert distributions(readings) == EXPECTED
    assert len(set(EXPECTED)) == len(SOUNDS)


@pytest.mark.parametrize("deterministic", [False, True])
async def test_utterances_are_read_together_unless_their_digits_must_not_depend_on_each_other(deterministic):
    async with InferenceWorker(ModelSettings(name="fake", deterministic=deterministic)) as worker:
        readings = await worker.read(SOUNDS)
    assert distributions(readings) == EXPECTED
    assert {reading.batch for reading in readings} == {1 if deterministic else len(SOUNDS)}


async def test_reads_from_many_tasks_each_get_their_own_readings():
    async with inference() as worker:
        answers = await asyncio.gather(*(worker.read([sound]) for sound in SOUNDS * 4))
    assert [answer[0].distribution for answer in answers] == EXPECTED * 4


async def test_a_batch_larger_than_a_request_loses_and_swaps_nothing():
    async with inference() as worker:
        readings = await worker.read(SOUNDS * 20)
        assert await worker.read([]) == []
    assert distributions(readings) == EXPECTED * 20


async def test_sound_beyond_what_is_sent_counts_as_truncated():
    async with inference() as worker:
        (reading,) = await worker.read([np.zeros(75 * SAMPLE_RATE_HZ, dtype=np.int16)])
    assert reading.truncated_s == pytest.approx(65)


async def test_only_int16_vectors_are_taken():
    async with inference() as worker:
        with pytest.raises(ValueError, match="int16"):
            await worker.read([np.zeros(10, dtype=np.float32)])
        with pytest.raises(ValueError, match="one-dimensional"):
            await worker.read([np.zeros((10, 2), dtype=np.int16)])
        assert distributions(await worker.read(SOUNDS)) == EXPECTED


@pytest.mark.parametrize("show", [False, True])
async def test_a_transcript_leaves_the_process_only_when_asked_for(show: bool):  # noqa: FBT001
    async with inference(transcript=show) as worker:
        (reading,) = await worker.read(SOUNDS[:1])
    assert reading.transcript == ("16000 samples" if show else None)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("nan", "ValueError: log-weights must be finite"), ("raise", "LookupError: a bug"), ("out of memory",) * 2],
)
async def test_a_failed_utterance_gets_a_reason_and_spares_its_batch_and_the_process(fault: str, reason: str):
    async with inference() as worker:
        readings = await worker.read([*SOUNDS, faulty(fault), *SOUNDS])
        assert worker.health.restarts == 0
    assert distributions(readings) == [*EXPECTED, None, *EXPECTED]
    assert readings[len(SOUNDS)].reason.startswith(reason)


@pytest.mark.parametrize("fault", ["crash", "exit", "cuda error"])
@pytest.mark.fault(10, "{fault}, by one utterance again and again (made up)")
async def test_an_utterance_that_kills_the_process_twice_is_given_up_and_its_batch_is_read(fault: str):
    async with inference() as worker:
        readings = await worker.read([*SOUNDS, faulty(fault), *SOUNDS])
        assert worker.health.restarts == 2
    assert distributions(readings) == [*EXPECTED, None, *EXPECTED]
    assert readings[len(SOUNDS)].reason == "worker failed"


@pytest.mark.fault(9, "a reading without end, limit 1 s")
async def test_an_utterance_that_hangs_is_given_up_after_the_time_limit(measured):
    async with inference(read_timeout_s=1) as worker:
        began_s = time.monotonic()
        readings = await worker.read([faulty("hang"), *SOUNDS])
        measured(healed_s=time.monotonic() - began_s, lost="1 utterance, with a reason")
        assert worker.health.state == "ready"
    assert reasons(readings) == ["worker failed", *[None] * len(SOUNDS)]
    assert distributions(readings)[1:] == EXPECTED


async def test_a_hang_is_noticed_by_what_is_usual_long_before_the_time_limit():
    deadline = Deadline(most_s=100 * PATIENCE_S, least_s=0.5)
    async with InferenceWorker(ModelSettings(name="fake"), deadline=deadline) as worker, asyncio.timeout(PATIENCE_S):
        for _ in range(ENOUGH):
            await worker.read(SOUNDS[:1])
        assert reasons(await worker.read([faulty("hang")])) == ["worker failed"]


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
@pytest.mark.fault(9, "{sent.name} while it reads")
async def test_a_batch_survives_the_end_of_the_process_that_reads_it(tmp_path: Path, sent: signal.Signals, measured):
    hold = tmp_path / "hold"
    async with inference(f"fake:hold_while={hold}", read_timeout_s=2) as worker:
        victim = child_of(os.getpid())
        hold.touch()
        reading = asyncio.create_task(worker.read(SOUNDS))
        await until(lambda: worker.health.state == "busy")
        os.kill(victim, signal.SIGSTOP)  # it can no longer see that the hold is over
        hold.unlink()
        os.kill(victim, sent)
        if sent == signal.SIGTERM:
            os.kill(victim, signal.SIGCONT)  # a stopped process takes only SIGKILL
        sent_s = time.monotonic()
        assert distributions(await reading) == EXPECTED
        measured(healed_s=time.monotonic() - sent_s, lost=0)
        assert worker.health.generation == 2
        assert is_gone(victim)
        assert child_of(os.getpid()) != victim


async def test_a_process_that_dies_idle_is_replaced_before_it_is_needed():
    seen: list[WorkerStatus] = []
    worker = InferenceWorker(ModelSettings(name="fake"), on_change=seen.append)
    async with worker:
        os.kill(child_of(os.getpid()), signal.SIGKILL)
        await until(lambda: len(seen) == 3)
        assert [status.state for status in seen] == ["ready", "restarting", "ready"]
        assert "killed by SIGKILL" in seen[1].error
        assert seen[2].error is None
        assert distributions(await worker.read(SOUNDS)) == EXPECTED
    assert seen[-1].state == "stopped"


async def test_a_listener_that_raises_does_not_end_the_supervision():
    def listen(_: WorkerStatus) -> None:
        raise LookupError

    async with InferenceWorker(ModelSettings(name="fake"), on_change=listen) as worker:
        os.kill(child_of(os.getpid()), signal.SIGKILL)
        await until(lambda: worker.health.generation == 2 and worker.health.state == "ready")
        assert distributions(await worker.read(SOUNDS)) == EXPECTED


@pytest.mark.fault(9, "crash at every start")
async def test_a_crash_loop_opens_the_breaker_and_the_worker_recovers_by_itself(tmp_path: Path):
    broken = tmp_path / "broken"
    seen: list[WorkerStatus] = []
    worker = InferenceWorker(
        ModelSettings(name=f"fake:broken_while={broken}"),
        breaker=CircuitBreaker(limit=3, backoff_s=0.2, max_backoff_s=0.2),
        on_change=seen.append,
    )
    async with worker:
        broken.touch()
        os.kill(child_of(os.getpid()), signal.SIGKILL)
        unavailable = await worker.read(SOUNDS)  # waits through the restarts, not through the back-off
        assert worker.health.state == "failed"
        assert worker.health.generation >= 3
        assert reasons(unavailable) == ["model unavailable"] * len(SOUNDS)
        assert distributions(unavailable) == [None] * len(SOUNDS)
        broken.unlink()
        await until(lambda: worker.health.state == "ready")
        assert distributions(await worker.read(SOUNDS)) == EXPECTED
    states = [status.state for status in seen]
    assert states[:4] == ["ready", "restarting", "restarting", "failed"]
    assert "exit code 70" in seen[3].error


@pytest.mark.parametrize("stopped", [False, True])
async def test_closing_under_load_is_quick_and_answers_every_read(tmp_path: Path, stopped: bool):  # noqa: FBT001
    hold = tmp_path / "hold"
    worker = inference(f"fake:hold_while={hold}")
    await worker.start()
    pid = child_of(os.getpid())
    hold.touch()
    reads = [asyncio.create_task(worker.read(SOUNDS)) for _ in range(3)]
    await until(lambda: worker.health.state == "busy")
    if stopped:
        os.kill(pid, signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE_S):
        await worker.close()
        answers = await asyncio.gather(*reads)
    assert is_gone(pid)
    assert [reasons(readings) for readings in answers] == [["worker stopped"] * len(SOUNDS)] * 3
    assert reasons(await worker.read(SOUNDS)) == ["worker stopped"] * len(SOUNDS)


async def test_closing_while_the_process_is_being_replaced_leaves_none(tmp_path: Path):
    broken = tmp_path / "broken"
    worker = inference(f"fake:broken_while={broken}")
    await worker.start()
    broken.touch()
    os.kill(child_of(os.getpid()), signal.SIGKILL)
    read = asyncio.create_task(worker.read(SOUNDS))
    await until(lambda: worker.health.generation == 2)
    await worker.close()
    assert reasons(await read) == ["worker stopped"] * len(SOUNDS)
    assert not psutil.Process().children()


async def test_a_cancelled_read_does_not_shift_later_answers(tmp_path: Path):
    hold = tmp_path / "hold"
    async with inference(f"fake:hold_while={hold}") as worker:
        hold.touch()
        given_up = asyncio.create_task(worker.read(SOUNDS[:1]))
        await until(lambda: worker.health.state == "busy")
        given_up.cancel()
        hold.unlink()
        assert distributions(await worker.read(SOUNDS[1:])) == EXPECTED[1:]
        assert worker.health.restarts == 0


@pytest.mark.fault(9, "a reading without end, seen from the event loop")
async def test_the_event_loop_runs_on_while_the_model_is_busy():
    async with inference() as worker:
        hanging = asyncio.create_task(worker.read([faulty("hang")]))
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert not hanging.done()
        assert worker.health.state == "busy"


async def test_interrupts_of_the_terminal_do_not_reach_the_process():
    async with inference() as worker:
        pid = child_of(os.getpid())
        assert os.getsid(pid) == pid
        os.kill(pid, signal.SIGINT)
        assert distributions(await worker.read(SOUNDS)) == EXPECTED
        assert worker.health.restarts == 0


async def test_ltu_as_reads_the_same_in_the_process_as_outside(tmp_path: Path):
    from core.ltu_as.reader import LTUASReader
    from core.ltu_as.tiny import save_tiny

    save_tiny(tmp_path)
    here = LTUASReader(tmp_path, prompt="ambiguous", readout="first_piece")
    expected = here.read(SOUNDS)
    model = ModelSettings(name=str(tmp_path), device="cpu", prompt="ambiguous", readout="first_piece")
    worker = InferenceWorker(model, WorkerSettings(threads=1))
    ready = await worker.start()
    readings = await worker.read(SOUNDS)
    await worker.close()
    assert (ready.stamp, ready.device, ready.window_s) == (here.stamp, here.device, here.window_s)
    assert reasons(readings) == reasons(expected) == [None, "too short", "too short", None, None]
    for reading, other in zip(distributions(readings), distributions(expected), strict=True):
        assert (reading is None) == (other is None)
        assert reading is None or list(reading) == pytest.approx(list(other), abs=1e-5)


PARENT = """
import asyncio
import os
import sys
import psutil
from core.settings import ModelSettings
from core.worker import InferenceWorker
from tests.plugins.fake_model import faulty

async def main():
    worker = InferenceWorker(ModelSettings(name="fake"))
    await worker.start()
    reading = asyncio.create_task(worker.read([faulty(fault) for fault in sys.argv[1:]]))
    await asyncio.sleep(0)
    if "print" in sys.argv:
        await reading
        await worker.close()
    else:
        os.write(1, b"%d" % psutil.Process().children()[0].pid)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("doing", [[], ["hang"]])
def test_the_process_ends_when_its_parent_is_killed(doing: list[str]):
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *doing], stdout=subprocess.PIPE, cwd=ROOT)
    orphan = int(os.read(parent.stdout.fileno(), 100))
    assert not is_gone(orphan)
    parent.kill()
    parent.communicate()
    wait_until(lambda: is_gone(orphan), "its end")


def test_what_libraries_print_never_reaches_standard_output_or_the_pipe():
    ran = subprocess.run([sys.executable, "-c", PARENT, "print"], capture_output=True, cwd=ROOT, check=True)
    assert ran.stdout == b""
    assert ran.stderr == b""


def test_the_program_side_does_not_import_torch():
    code = "import sys, core.worker, core.ltu_as.folder; assert not {'torch', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


async def test_an_answer_is_written_for_those_it_is_wanted_for_and_explained_for_all():
    async with inference() as worker:
        readings = await worker.read(SOUNDS, explain=[True, False, False, False, True])
    assert [reading.explanation.answer is not None for reading in readings] == [True, False, False, False, True]
    expected = FakeModel().read(SOUNDS, explain=[True] * 5)[0]
    assert readings[0].explanation == expected.explanation


async def test_the_state_of_the_worker_says_what_it_costs():
    async with inference() as worker:
        assert worker.health.rss_mb > 5
        await asyncio.sleep(0.3)
        assert worker.health.cpu_percent >= 0
        assert worker.health.gpu_mb is None


async def test_what_a_stream_sounds_like_goes_to_the_process_and_comes_back_as_it_is(tmp_path: Path):
    from core.anchor import Anchor
    from core.ltu_as.reader import LTUASReader
    from core.ltu_as.tiny import save_tiny

    save_tiny(tmp_path, anchored=True)
    here = LTUASReader(tmp_path, encoder_dtype="float32")
    model = ModelSettings(name=str(tmp_path), device="cpu", encoder_dtype="float32")
    async with InferenceWorker(model, WorkerSettings(threads=1)) as worker:
        (first,) = await worker.read(SOUNDS[:1], anchors=[Anchor()])
        anchor = Anchor().push(first.heard, first.distribution, at_s=1.0)
        (second,) = await worker.read(SOUNDS[:1], anchors=[anchor])
    (expected,) = here.read(SOUNDS[:1], anchors=[anchor])
    assert second.adaptation == expected.adaptation
    assert second.adaptation.utterances == 1
    assert list(second.distribution) == pytest.approx(list(expected.distribution), abs=1e-5)
    np.testing.assert_allclose(second.heard.features, expected.heard.features, rtol=0, atol=1e-4)


async def test_without_a_free_descriptor_the_supervision_goes_on_and_the_worker_is_back_afterwards():
    breaker = CircuitBreaker(limit=2, backoff_s=0.05, max_backoff_s=0.05)
    async with InferenceWorker(ModelSettings(name="fake"), breaker=breaker) as worker:
        victim = child_of(os.getpid())
        with no_free_descriptor():
            os.kill(victim, signal.SIGKILL)
            await until(lambda: worker.health.state == "failed")
            assert "Too many open files" in worker.health.error
        await until(lambda: worker.health.state == "ready")
        assert distributions(await worker.read(SOUNDS)) == EXPECTED
