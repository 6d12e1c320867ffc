"""The pipeline with the fake model in a real process: stopping, pausing, failing; nothing is lost without a word."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from core.errors import UsageError
from core.settings import Settings
from core.wire.commands import (
    Pause,
    Resume,
)
from core.wire.events import (
    DropEvent,
    ErrorEvent,
    Event,
    UtteranceEvent,
)
from core.wire.health import HealthEvent, SinkHealth, StreamHealth
from monitor import pipeline as flow
from monitor.mqtt.messages import availability_of
from monitor.pipeline import Pipeline
from monitor.sources.file import FileSource
from monitor.wire_time import epoch_s
from tests.descriptors import no_free_descriptor
from tests.monitor.playing import BLOCK, IN_SPEECH, SPEECH, Clip, Memory, playing, settings
from tests.patience import PATIENCE_S, until


async def test_a_run_accounts_for_every_sample_and_utterance():
    memory = Memory()
    await Pipeline(settings(), [Clip(realtime=False)], [memory]).run()
    assert memory.last.captured == len(SPEECH)
    assert memory.last.adds_up
    assert memory.last.in_flight == memory.last.pending == 0
    assert len(memory.of(UtteranceEvent)) == memory.last.segments == memory.last.published > 3
    assert memory.of(HealthEvent)[-1].worker.state == "stopped"


async def test_stopping_while_an_utterance_waits_for_room_drops_it_by_name():
    memory = Memory()
    pipeline = Pipeline(settings("fake:read_s=3", queue_per_stream=1), [Clip(realtime=False)], [memory])
    async with playing(pipeline):
        await until(lambda: pipeline.health().streams and pipeline.health().streams[0].segments >= 3, "a full queue")
    assert memory.last.adds_up
    assert memory.last.in_flight == 0
    assert memory.last.segments_dropped == {"shutdown": memory.last.segments}
    assert len(memory.of(DropEvent)) == memory.last.segments


async def test_a_sink_that_waits_for_a_stuck_reader_does_not_hold_up_the_end():
    memory = Memory(blocked=True)
    pipeline = Pipeline(settings(queue_per_stream=1), [Clip(realtime=False)], [memory])
    async with playing(pipeline):
        await until(lambda: pipeline.health().streams[0].published == 1, "a reading that nobody takes")
    assert memory.last.adds_up
    assert memory.last.in_flight == 0


async def test_a_pause_of_a_source_that_can_wait_loses_nothing():
    memory, clip = Memory(), Clip(realtime=False)
    pipeline = Pipeline(settings("fake:read_s=0.1"), [clip], [memory])
    run = asyncio.create_task(pipeline.run())
    await until(lambda: clip.taken > IN_SPEECH, "sound")
    pipeline.command(Pause())
    await until(lambda: memory.last.state == "paused", "the pause")
    await asyncio.sleep(0.3)
    taken = clip.taken
    await asyncio.sleep(0.3)
    assert clip.taken == taken
    pipeline.command(Resume())
    await run
    assert memory.last.dropped.keys() <= {"too_short"}
    assert memory.last.segments_dropped == {}
    assert memory.last.captured == len(SPEECH)


async def test_a_pause_of_a_microphone_counts_what_was_said_meanwhile():
    memory, clip = Memory(), Clip(realtime=True)
    pipeline = Pipeline(settings(), [clip], [memory])
    run = asyncio.create_task(pipeline.run())
    await until(lambda: clip.taken > IN_SPEECH, "sound")
    pipeline.command(Pause())
    await until(lambda: clip.taken > 2 * IN_SPEECH, "sound during the pause")
    pipeline.command(Resume())
    await run
    assert memory.last.dropped["paused"] >= BLOCK
    assert memory.last.adds_up


def cut(stream: StreamHealth) -> dict[str, object]:
    """How a stream's sound was cut, whatever became of the utterances."""
    names = ("captured", "silence", "segmented", "dropped", "segments")
    return {name: getattr(stream, name) for name in names}


@pytest.mark.parametrize("speed", [20.0, "max"])
async def test_a_file_that_is_paused_waits_and_is_cut_as_without_a_pause(speed, tmp_path):
    path = tmp_path / "talk.wav"
    soundfile.write(path, SPEECH[: 16_000 * 20], 16_000)  # a file of less than 30 s can come late, and loses nothing
    memory, whole = Memory(), Memory()
    await Pipeline(settings(), [FileSource(path, speed="max")], [whole]).run()
    pipeline = Pipeline(settings(), [FileSource(path, speed=speed)], [memory])
    run = asyncio.create_task(pipeline.run())
    await until(lambda: pipeline.health().streams[0].captured > BLOCK, "sound")
    await pipeline.execute(Pause())
    assert memory.last.state == "paused"
    here = pipeline.health().streams[0].captured
    await asyncio.sleep(0.3)
    assert pipeline.health().streams[0].captured == here
    await pipeline.execute(Resume())
    await run
    assert cut(memory.last) == cut(whole.last)
    assert memory.last.segments > 1


@pytest.mark.fault(16, "clock as read, 10 h on, while it listens")
async def test_a_second_after_the_clock_was_set_everything_is_stamped_by_it(monkeypatch):
    memory, wall = Memory(), time.time
    clip = Clip(realtime=True, samples=np.tile(SPEECH, 20))

    def starts_s():
        return [epoch_s(event.started_at) for event in memory.of(UtteranceEvent) if event.final]

    async with playing(Pipeline(settings(), [clip], [memory])):
        await until(starts_s)
        monkeypatch.setattr(time, "time", lambda: wall() + 36_000)
        await until(lambda: starts_s()[-1] > wall() + 30_000)
        assert starts_s()[0] < wall() + 10_000


async def test_a_dead_model_does_not_burn_through_a_file_that_can_wait(tmp_path):
    broken = tmp_path / "broken"
    memory, clip = Memory(), Clip(realtime=False)
    pipeline = Pipeline(settings(f"fake:read_s=0.2,broken_while={broken}"), [clip], [memory])
    async with playing(pipeline) as run:
        await until(lambda: memory.of(UtteranceEvent), "a reading")
        broken.touch()
        for child in psutil.Process().children():
            if "core.worker" in child.cmdline():
                child.kill()
        await until(lambda: memory.of(HealthEvent)[-1].worker.state == "failed", "giving up for a while")
        read = len(memory.of(UtteranceEvent))
        await asyncio.sleep(1)
        assert len(memory.of(UtteranceEvent)) == read
        broken.unlink()
        async with asyncio.timeout(PATIENCE_S):
            await run
    assert memory.last.failed == 0
    assert memory.last.published == memory.last.segments
    assert any(event.where == "worker" for event in memory.of(ErrorEvent))


async def test_a_run_that_nobody_listens_to_ends():
    memory = Memory(state="closed")
    quiet = np.zeros(16_000 * 600, np.int16)
    async with asyncio.timeout(PATIENCE_S):
        await Pipeline(settings(), [Clip(realtime=True, samples=quiet)], [memory]).run()


async def test_a_model_that_is_none_is_an_error_and_leaves_no_task():
    before = len(asyncio.all_tasks())
    with pytest.raises(UsageError):
        await Pipeline(settings("no-such-model"), [Clip(realtime=False)], [Memory()]).run()
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before


async def test_utterances_longer_than_the_model_hears_are_announced():
    plain = settings()
    long = replace(plain, segmenter=replace(plain.segmenter, max_utterance_s=20.0))
    memory = Memory()
    await Pipeline(long, [Clip(realtime=False, samples=SPEECH[:BLOCK])], [memory]).run()
    assert any(event.where == "model" and "20 s" in event.message for event in memory.of(ErrorEvent))


@pytest.mark.parametrize(
    ("model", "wanted", "times"), [("fake:wordless=1", True, 1), ("fake:wordless=1", False, 0), ("fake", True, 0)]
)
async def test_transcripts_that_the_model_never_gives_are_spoken_of_once_where_they_are_wanted(model, wanted, times):
    plain = settings(model)
    memory = Memory()
    asked = replace(plain, model=replace(plain.model, transcript=wanted))
    await Pipeline(asked, [Clip(realtime=False)], [memory]).run()
    assert len(memory.of(UtteranceEvent)) > 1
    told = [event.message for event in memory.of(ErrorEvent)]
    assert len(told) == times
    assert all("has no transcriber" in message for message in told)


async def test_health_tells_latencies_load_and_tuning():
    memory = Memory()
    await Pipeline(settings(), [Clip(realtime=False)], [memory]).run()
    health = memory.of(HealthEvent)[-1]
    assert 0 < health.latency_p50_ms <= health.latency_p95_ms <= health.latency_p99_ms
    assert health.hangover_p50_ms == pytest.approx(600, abs=31)
    assert health.rss_mb > 10
    assert health.cpu_percent is None or health.cpu_percent >= 0  # a run of a moment has no share yet
    assert (health.tuning.model, health.tuning.vad_mode, health.tuning.explain) == ("fake", 2, False)
    assert health.recording is None


async def test_without_a_free_descriptor_health_goes_on(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(flow, "HEALTH_EVERY_S", 0.01)
    memory, clip = Memory(), Clip(realtime=True)
    pipeline = Pipeline(settings(), [clip], [memory])
    async with playing(pipeline):
        await until(lambda: clip.taken > IN_SPEECH, "sound")
        with no_free_descriptor():
            told = len(memory.of(HealthEvent))
            await until(lambda: len(memory.of(HealthEvent)) > told + 1, "health")
        assert memory.of(HealthEvent)[-1].worker.rss_mb > 0


async def test_a_model_that_fails_on_everything_is_degraded_until_it_works_again(tmp_path: Path):
    broken, memory = tmp_path / "broken", Memory()
    clip = Clip(realtime=True, samples=np.tile(SPEECH, 40))
    pipeline = Pipeline(settings(f"fake:fails_while={broken}"), [clip], [memory])
    async with playing(pipeline):
        await until(lambda: memory.of(UtteranceEvent), "a reading")
        broken.touch()
        await until(lambda: pipeline.health().worker.state == "failed", "the failure")
        assert availability_of(pipeline.health(), without="") == "degraded"
        assert pipeline.is_failing
        (told,) = [error for error in memory.of(ErrorEvent) if error.where == "worker"]
        assert told.message.startswith("the model has failed on 5 utterances in a row: ValueError: log-weights")
        broken.unlink()
        await until(lambda: pipeline.health().worker.state != "failed", "its end")
        assert availability_of(pipeline.health(), without="") == "online"


async def test_a_sink_that_never_returns_ends_the_signs_of_life(monkeypatch):
    monkeypatch.setattr("monitor.pipeline.HEALTH_EVERY_S", 0.001)
    told: list[HealthEvent] = []
    sink = StuckSink()
    pipeline = Pipeline(Settings(), [], [sink], on_health=[told.append])
    async with pipeline._reporting_health():
        await until(lambda: told)
        await asyncio.sleep(0.05)
        assert len(told) == 1
        sink.released.set()
        await until(lambda: len(told) > 1)


class StuckSink:
    """Breaks the promise of sinks, to return."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    async def send(self, _: Event) -> None:
        await self.released.wait()

    def health(self) -> SinkHealth:
        return SinkHealth(name="stuck", state="ok", detail="", queued=0, dropped=0)
