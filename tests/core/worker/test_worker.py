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

from core.errors import ModelError, UsageError, WorkerError
from core.model import SAMPLE_RATE_HZ, Reading
from core.settings import ModelSettings, WorkerSettings
from core.worker import CircuitBreaker, InferenceWorker, WorkerStatus
from core.worker.deadline import ENOUGH, Deadline
from tests.descriptors import no_free_descriptor
from tests.patience import PATIENCE_S, until, wait_until
from tests.plugins.fake_model import FakeModel, faulty

ROOT = Path(__file__).parents[3]
RNG = np.random.default_rng(1)
SOUNDS = [RNG.integers(-3000, 3000, n).astype(np.int16) for n in (16_000, 1, 0, 4_000, 333)]
EXPECTED = [reading.distribution for reading in FakeModel().read(SOUNDS)]


def inference(name: str = "fake", *, transcript: bool = False, **limits: float) -> InferenceWorker:
    return InferenceWorker(ModelSettings(name=name, transcript=transcript), WorkerSettings(**limits))


def distributions(readings: list[Reading]) -> list:
    return [reading.distribution for reading in readings]


def reasons(readings: list[Reading]) -> list:
    return [reading.reason for reading in readings]


def child_of(pid: int) -> int:
    (child,) = psutil.Process(pid).children()
    return child.pid


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


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
