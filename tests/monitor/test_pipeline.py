"""The pipeline with the fake model in a real process: stopping, pausing, failing; nothing is lost without a word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import psutil
import pytest

from core.audio import read_audio
from core.errors import AudioError, UsageError
from core.events import DropEvent, ErrorEvent, Event, HealthEvent, SinkHealth, UtteranceEvent
from core.settings import Settings
from monitor.commands import Command
from monitor.pipeline import Pipeline
from monitor.sources.opening import SAMPLE
from monitor.sources.source import AudioBlock

BLOCK = 4800
SPEECH = read_audio(SAMPLE, max_s=None)[: 16_000 * 30]
IN_SPEECH = 5


class Clip:
    """A source made of samples; a paced one gives a block each time `step` is called, another gives all it can."""

    def __init__(self, *, realtime: bool, samples=SPEECH, fails_at: int | None = None) -> None:
        self.name = "clip"
        self.realtime = realtime
        self.notices: list[str] = []
        self.taken = 0
        self._samples = samples
        self._fails_at = fails_at

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        for start in range(0, len(self._samples), BLOCK):
            if self._fails_at is not None and start >= self._fails_at:
                msg = "the clip is torn"
                raise AudioError(msg)
            await asyncio.sleep(0.002 if self.realtime else 0)
            yield AudioBlock(self._samples[start : start + BLOCK])
            self.taken += 1


@dataclass
class Memory:
    """A sink that remembers; it can be made to block, as a reader that has stopped reading."""

    name: str = "memory"
    events: list[Event] = field(default_factory=list)
    blocked: bool = False
    hurried: asyncio.Event = field(default_factory=asyncio.Event)
    state: str = "ok"

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def send(self, event: Event) -> None:
        if self.blocked and isinstance(event, UtteranceEvent):
            await self.hurried.wait()
        self.events.append(event)

    def hurry(self) -> None:
        self.hurried.set()

    def health(self) -> SinkHealth:
        return SinkHealth(name=self.name, state=self.state, detail="", queued=0, dropped=0)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def last(self):
        return self.of(HealthEvent)[-1].streams[0]


def settings(model="fake", **worker) -> Settings:
    plain = Settings()
    return replace(plain, model=replace(plain.model, name=model), worker=replace(plain.worker, **worker))


@asynccontextmanager
async def playing(pipeline: Pipeline):
    run = asyncio.create_task(pipeline.run())
    try:
        yield run
    finally:
        pipeline.stop()
        await asyncio.wait_for(run, 20)


async def until(condition, what="it"):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"{what} did not happen")


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
    pipeline.command(Command.PAUSE)
    await asyncio.sleep(0.3)
    taken = clip.taken
    assert memory.last.state == "paused"
    await asyncio.sleep(0.3)
    assert clip.taken == taken
    pipeline.command(Command.RESUME)
    await run
    assert memory.last.dropped.keys() <= {"too_short"}
    assert memory.last.segments_dropped == {}
    assert memory.last.captured == len(SPEECH)


async def test_a_pause_of_a_microphone_counts_what_was_said_meanwhile():
    memory, clip = Memory(), Clip(realtime=True)
    pipeline = Pipeline(settings(), [clip], [memory])
    run = asyncio.create_task(pipeline.run())
    await until(lambda: clip.taken > IN_SPEECH, "sound")
    pipeline.command(Command.PAUSE)
    await until(lambda: clip.taken > 2 * IN_SPEECH, "sound during the pause")
    pipeline.command(Command.RESUME)
    await run
    assert memory.last.dropped["paused"] >= BLOCK
    assert memory.last.adds_up


async def test_a_pause_before_the_source_is_open_holds():
    memory = Memory()
    pipeline = Pipeline(settings("fake:load_s=0.5"), [Clip(realtime=True)], [memory])
    async with playing(pipeline) as run:
        pipeline.command(Command.PAUSE)
        await until(lambda: pipeline.health().streams[0].captured > BLOCK, "sound")
        assert pipeline.health().streams[0].state == "paused"
        await run
    assert memory.last.dropped == {"paused": len(SPEECH)}


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
        await asyncio.wait_for(run, 60)
    assert memory.last.failed == 0
    assert memory.last.published == memory.last.segments
    assert any(event.where == "worker" for event in memory.of(ErrorEvent))


async def test_a_torn_source_ends_alone_and_what_it_gave_is_read():
    memory = Memory()
    torn, whole = Clip(realtime=False, fails_at=16_000 * 15), Clip(realtime=False)
    pipeline = Pipeline(settings(), [torn, whole], [memory])
    await pipeline.run()
    first, second = memory.of(HealthEvent)[-1].streams
    assert (first.state, second.state) == ("failed", "ended")
    assert first.published == first.segments > 0
    assert second.published == second.segments > first.segments
    assert [str(error) for error in pipeline.errors] == ["the clip is torn"]
    assert not pipeline.heard_nothing


async def test_a_run_that_nobody_listens_to_ends():
    memory = Memory(state="closed")
    quiet = np.zeros(16_000 * 600, np.int16)
    await asyncio.wait_for(Pipeline(settings(), [Clip(realtime=True, samples=quiet)], [memory]).run(), 20)


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
