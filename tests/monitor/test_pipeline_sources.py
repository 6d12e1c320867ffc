"""Sources of a pipeline that come, go, are torn, and take one another's place."""

import asyncio
from dataclasses import replace

import pytest

from core.errors import UsageError
from core.settings import Settings
from core.wire.commands import (
    Pause,
    Resume,
    SwitchSource,
)
from core.wire.events import (
    DropEvent,
    ErrorEvent,
    LevelEvent,
    StateEvent,
    TokensEvent,
    UtteranceEvent,
)
from core.wire.health import HealthEvent
from monitor.dashboard.state.view_model import DashboardState
from monitor.pipeline import Pipeline
from tests.monitor.playing import BLOCK, IN_SPEECH, SPEECH, Clip, Memory, playing, settings
from tests.patience import until


async def test_a_pause_before_the_source_is_open_holds():
    memory = Memory()
    pipeline = Pipeline(settings("fake:load_s=0.5"), [Clip(realtime=True)], [memory])
    async with playing(pipeline) as run:
        pipeline.command(Pause())
        await until(lambda: pipeline.health().streams[0].captured > BLOCK, "sound")
        assert pipeline.health().streams[0].state == "paused"
        await run
    assert memory.last.dropped == {"paused": len(SPEECH)}


async def test_a_source_takes_the_place_of_another_as_a_stream_of_its_own():
    memory, first, second = Memory(), Clip(realtime=True), Clip(realtime=True)

    async def open_source(spec: str) -> Clip:
        assert spec == "mic:other"
        return second

    pipeline = Pipeline(settings(), [first], [memory], open_source)
    run = asyncio.create_task(pipeline.run())
    await until(lambda: first.taken > IN_SPEECH, "sound")
    await pipeline.execute(SwitchSource(source="mic:other"))
    assert second.is_open
    await run
    assert not first.is_open
    assert not second.is_open
    before, after = memory.of(HealthEvent)[-1].streams
    assert before.stream != after.stream
    assert before.captured < len(SPEECH) == after.captured
    assert before.adds_up
    assert after.adds_up
    assert {event.stream for event in memory.of(UtteranceEvent)} == {before.stream, after.stream}
    assert not pipeline.errors


async def test_every_event_of_a_source_carries_its_name_and_what_takes_its_place_has_it_too():
    memory, first, second, taken = Memory(), Clip(realtime=True), Clip(realtime=True), Clip(realtime=True)
    first.label, other = "alice", Clip(realtime=True)
    other.label = taken.label = "bob"
    named = {"mic:other": second, "mic:other=bob": taken}

    async def open_source(spec: str) -> Clip:
        return named[spec]

    pipeline = Pipeline(settings(), [first, other], [memory], open_source)
    run = asyncio.create_task(pipeline.run())
    await until(lambda: first.taken > IN_SPEECH, "sound")
    alice = pipeline.health().streams[0].stream
    with pytest.raises(UsageError, match="2 sources are called bob"):
        await pipeline.execute(SwitchSource(source="mic:other=bob", stream=alice))
    await pipeline.execute(SwitchSource(source="mic:other", stream=alice))
    await run
    called = {stream.stream: stream.name for stream in memory.of(HealthEvent)[-1].streams}
    assert sorted(called.values()) == ["alice", "alice", "bob"]
    for kind in (UtteranceEvent, StateEvent, LevelEvent, TokensEvent):
        assert memory.of(kind)
        assert all(event.name == called[event.stream] for event in memory.of(kind))


def seeking(**worker) -> Settings:
    """Settings with which a microphone that vanished is looked for at once."""
    plain = settings(**worker)
    return replace(plain, source=replace(plain.source, retry_s=0.001))


async def test_a_microphone_that_comes_and_goes_is_one_stream_with_gaps():
    memory, clips = Memory(), []

    async def open_source(spec: str) -> Clip:
        assert spec == "mic:Desk"
        clips.append(Clip(name=spec, realtime=True, fails_at=BLOCK * 40 if len(clips) < 10 else None))
        return clips[-1]

    pipeline = Pipeline(seeking(), [await open_source("mic:Desk")], [memory], open_source)
    await pipeline.run()
    (stream,) = memory.of(HealthEvent)[-1].streams
    assert (stream.state, stream.adds_up, pipeline.errors) == ("ended", True, [])
    assert not any(clip.is_open for clip in clips)
    assert {event.stream for event in memory.of(UtteranceEvent)} == {stream.stream}
    gaps = [event for event in memory.of(DropEvent) if event.reason == "absent"]
    assert len(gaps) == len(memory.of(ErrorEvent)) == 10
    assert stream.dropped["absent"] == sum(round((gap.end_s - gap.start_s) * 16_000) for gap in gaps) > 0
    assert stream.captured == len(SPEECH) + 10 * BLOCK * 40 + stream.dropped["absent"]
    order = [event.seq for event in memory.of(UtteranceEvent) if event.final]
    assert order == list(range(1, len(order) + 1))
    state = DashboardState()
    for event in memory.events:
        state = state.push(event, now_s=0.0)
    assert len(state.streams) == 1
    assert state.lost["absent"].times == 10


async def test_a_microphone_that_is_away_while_listening_is_paused_comes_back_paused():
    memory, away, back = Memory(), asyncio.Event(), Clip(name="mic:Desk", realtime=True)

    async def open_source(_: str) -> Clip:
        await away.wait()
        return back

    clip = Clip(name="mic:Desk", realtime=True, fails_at=BLOCK * 5)
    pipeline = Pipeline(seeking(), [clip], [memory], open_source)
    async with playing(pipeline):
        await until(lambda: pipeline.health().streams[0].state == "failed", "that it is gone")
        await pipeline.execute(Pause())
        away.set()
        await until(lambda: back.taken > IN_SPEECH, "sound")
        assert pipeline.health().streams[0].state == "paused"
    assert memory.last.dropped["paused"] >= BLOCK * IN_SPEECH
    assert memory.last.adds_up


async def test_another_microphone_takes_the_place_of_one_that_is_away():
    memory, other = Memory(), Clip(name="mic:Headset", realtime=True)

    async def open_source(spec: str) -> Clip:
        if spec == "mic:Headset":
            return other
        msg = "it is not there"
        raise UsageError(msg)

    clip = Clip(name="mic:Desk", realtime=True, fails_at=BLOCK * 5)
    pipeline = Pipeline(seeking(), [clip], [memory], open_source)
    run = asyncio.create_task(pipeline.run())
    await until(lambda: pipeline.health().streams[0].state == "failed", "that it is gone")
    await pipeline.execute(SwitchSource(source="mic:Headset"))
    await run
    before, after = memory.of(HealthEvent)[-1].streams
    assert (before.state, after.state, after.source) == ("ended", "ended", "mic:Headset")
    assert before.dropped["absent"] > 0
    assert before.adds_up
    assert not pipeline.errors


async def test_a_program_that_is_stopped_while_its_microphone_is_away_says_that_it_was():
    memory = Memory()

    async def open_source(_: str) -> Clip:
        msg = "it is not there"
        raise UsageError(msg)

    clip = Clip(name="mic:Desk", realtime=True, fails_at=BLOCK * 5)
    pipeline = Pipeline(seeking(), [clip], [memory], open_source)
    async with playing(pipeline):
        await until(lambda: pipeline.health().streams[0].state == "failed", "that it is gone")
    assert (memory.last.state, memory.last.adds_up) == ("failed", True)
    assert [event.reason for event in memory.of(DropEvent)][-1] == "absent"
    assert len(pipeline.errors) == 1


async def test_streams_that_are_over_do_not_pile_up_when_sources_are_switched():
    memory, clips = Memory(), []

    async def open_source(_: str) -> Clip:
        clips.append(Clip(realtime=True))
        return clips[-1]

    pipeline = Pipeline(settings(), [await open_source("")], [memory], open_source)
    async with playing(pipeline):
        for number in range(5):
            await until(lambda number=number: clips[number].taken, "sound")
            await pipeline.execute(SwitchSource(source="mic"))
        await until(lambda: [s.state for s in pipeline.health().streams].count("listening") == 1, "one left")
        await until(lambda: clips[5].taken, "sound")
        await pipeline.execute(SwitchSource(source="mic"))
        assert len(pipeline.health().streams) <= 3


async def test_a_source_switched_to_during_a_pause_waits_for_its_end():
    memory, first, second = Memory(), Clip(realtime=False), Clip(realtime=False)

    async def open_source(_: str) -> Clip:
        return second

    pipeline = Pipeline(settings("fake:read_s=0.1"), [first], [memory], open_source)
    run = asyncio.create_task(pipeline.run())
    await until(lambda: first.taken > IN_SPEECH, "sound")
    await pipeline.execute(Pause())
    await pipeline.execute(SwitchSource(source="mic"))
    await asyncio.sleep(0.3)
    assert second.taken == 0
    await pipeline.execute(Resume())
    await run
    assert second.taken > 0


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


async def test_a_source_that_the_system_fails_ends_alone_and_says_why():
    memory = Memory()
    torn = Clip(realtime=False, fails_at=BLOCK, failure=OSError(24, "Too many open files"))
    pipeline = Pipeline(settings(), [torn, Clip(realtime=False)], [memory])
    await pipeline.run()
    assert [str(error) for error in pipeline.errors] == ["clip: [Errno 24] Too many open files"]
    assert [stream.state for stream in memory.of(HealthEvent)[-1].streams] == ["failed", "ended"]
    assert memory.of(HealthEvent)[-1].streams[1].captured == len(SPEECH)
