"""The pipeline with the fake model in a real process: stopping, pausing, failing; nothing is lost without a word."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from core.errors import AudioError, EmotionMonitorError, UsageError
from core.settings import RecordSettings, Settings
from core.sound.audio import read_audio
from core.wire.commands import (
    Mute,
    Note,
    Pause,
    Record,
    Resume,
    SetModel,
    SetReading,
    SetSmoothing,
    SetVad,
    SwitchSource,
)
from core.wire.events import (
    DropEvent,
    ErrorEvent,
    Event,
    LevelEvent,
    NoteEvent,
    StateEvent,
    TokensEvent,
    UtteranceEvent,
    decode,
)
from core.wire.health import HealthEvent, SinkHealth, StreamHealth
from monitor import pipeline as flow
from monitor.dashboard.state.view_model import DashboardState
from monitor.mqtt.messages import availability_of
from monitor.pipeline import Pipeline
from monitor.sinks.recording import RECORDING_SCHEMA, Recorder
from monitor.sources.file import FileSource
from monitor.sources.opening import SAMPLE
from monitor.sources.source import AudioBlock
from monitor.wire_time import epoch_s
from tests.descriptors import no_free_descriptor
from tests.patience import PATIENCE_S, until

BLOCK = 4800
SPEECH = read_audio(SAMPLE, max_s=None)[: 16_000 * 30]
IN_SPEECH = 5


class Clip:
    """A source made of samples; a paced one gives a block each time `step` is called, another gives all it can."""

    def __init__(
        self,
        *,
        realtime: bool,
        name: str = "clip",
        samples=SPEECH,
        fails_at: int | None = None,
        opens: bool = True,
        failure: Exception | None = None,
    ) -> None:
        self.name = name
        self.label: str | None = None
        self.is_open = False
        self._opens = opens
        self.realtime = realtime
        self.notices: list[str] = []
        self.taken = 0
        self._samples = samples
        self._fails_at = fails_at
        self._failure = failure or AudioError("the clip is torn")

    async def __aenter__(self):
        if not self._opens:
            msg = "the clip is locked"
            raise AudioError(msg)
        self.is_open = True
        return self

    async def __aexit__(self, *_):
        self.is_open = False

    def hold(self, *, held: bool) -> bool:  # noqa: ARG002 - see `Source`
        return not self.realtime

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        for start in range(0, len(self._samples), BLOCK):
            if self._fails_at is not None and start >= self._fails_at:
                raise self._failure
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
        async with asyncio.timeout(PATIENCE_S):
            await run


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


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (SwitchSource(source="mic:locked"), "the clip is locked"),
        (SwitchSource(source="mic:locked", stream="nobody's"), 'no stream "nobody\'s" is listening'),
        (Mute(), "mute is for one sink"),
        (SetReading(readout="tea_leaves"), "unknown readout 'tea_leaves'"),
        (Record(on=True), "cannot record"),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(command, why):
    memory, clip = Memory(), Clip(realtime=True)

    async def open_source(_: str) -> Clip:
        return Clip(realtime=True, opens=False)

    pipeline = Pipeline(settings(), [clip], [memory], open_source)
    run = asyncio.create_task(pipeline.run())
    await until(lambda: clip.taken > IN_SPEECH, "sound")
    with pytest.raises(EmotionMonitorError) as refusal:
        await pipeline.execute(command)
    assert why in str(refusal.value)
    assert clip.is_open
    await run
    assert memory.last.captured == len(SPEECH)
    assert len(memory.of(HealthEvent)[-1].streams) == 1


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


async def test_smoothing_changes_from_the_next_reading_on():
    memory, clip = Memory(), Clip(realtime=False)
    pipeline = Pipeline(settings(), [clip], [memory])
    run = asyncio.create_task(pipeline.run())
    await pipeline.execute(SetSmoothing(tau_s=0))
    await run
    readings = memory.of(UtteranceEvent)
    assert len(readings) > 2
    assert all(event.smoothed == event.distribution for event in readings)


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


async def test_another_model_reads_from_a_moment_on_and_nothing_that_waited_is_lost():
    memory, clip = Memory(), Clip(realtime=False)
    pipeline = Pipeline(settings("fake:read_s=0.5"), [clip], [memory])
    async with playing(pipeline) as run:
        await until(lambda: memory.of(UtteranceEvent), "a reading")
        await pipeline.execute(SetModel(name="fake:readout=other"))
        health = pipeline.health()
        assert (health.tuning.model, health.worker.generation) == ("fake:readout=other", 2)
        await run
    readouts = [event.model.readout for event in memory.of(UtteranceEvent)]
    assert readouts == sorted(readouts, key=["hash", "other"].index)
    assert set(readouts) == {"hash", "other"}
    assert memory.last.published == memory.last.segments > 3
    assert memory.last.segments_dropped == {}
    assert memory.last.adds_up
    assert not memory.of(ErrorEvent)


async def test_a_model_that_cannot_be_loaded_is_said_and_the_old_one_reads_on():
    memory, clip = Memory(), Clip(realtime=False)
    pipeline = Pipeline(settings("fake:read_s=0.1", queue_per_stream=1), [clip], [memory])
    async with playing(pipeline) as run:
        await until(lambda: memory.of(UtteranceEvent), "a reading")
        await pipeline.execute(Pause())
        before = pipeline.health().tuning
        with pytest.raises(UsageError, match="no-such-model"):
            await pipeline.execute(SetModel(name="no-such-model"))
        assert pipeline.health().tuning == before
        await pipeline.execute(Resume())
        await run
    assert memory.last.published == memory.last.segments > 3


async def test_how_the_model_is_asked_changes_and_the_stamp_of_later_readings_says_so():
    memory, clip = Memory(), Clip(realtime=False)
    pipeline = Pipeline(settings("fake:read_s=0.1", queue_per_stream=1), [clip], [memory])
    async with playing(pipeline) as run:
        await until(lambda: memory.of(UtteranceEvent), "a reading")
        await pipeline.execute(Pause())
        await pipeline.execute(SetReading(readout="vocab_prob"))
        read = len(memory.of(UtteranceEvent))
        await pipeline.execute(Resume())
        await run
    later = [event.model.readout for event in memory.of(UtteranceEvent)][read + 1 :]
    assert set(later) == {"vocab_prob"}
    assert memory.last.published == memory.last.segments


async def test_answers_are_written_out_from_the_moment_that_someone_asks_and_no_model_is_loaded_for_it():
    memory, clip = Memory(), Clip(realtime=False)
    pipeline = Pipeline(settings("fake:read_s=0.1", queue_per_stream=1), [clip], [memory])
    async with playing(pipeline) as run:
        await until(lambda: memory.of(TokensEvent), "a reading")
        await pipeline.execute(SetReading(explain=True))
        assert pipeline.health().tuning.explain
        await run
    answers = [event.answer for event in memory.of(TokensEvent)]
    assert answers[0] is None
    assert answers[-1] is not None
    assert [event.seq for event in memory.of(TokensEvent)] == [event.seq for event in memory.of(UtteranceEvent)]
    assert memory.of(HealthEvent)[-1].worker.generation == 1


async def test_the_sensitivity_of_speech_detection_changes_under_way_and_the_sums_hold():
    memory, clip = Memory(), Clip(realtime=True)
    pipeline = Pipeline(settings(), [clip], [memory])
    run = asyncio.create_task(pipeline.run())
    for mode in (3, 0, 2):
        taken = clip.taken
        await until(lambda taken=taken: clip.taken > taken + IN_SPEECH, "sound")
        await pipeline.execute(SetVad(mode=mode))
        assert memory.last.adds_up
        assert memory.of(HealthEvent)[-1].tuning.vad_mode == mode
    await run
    assert memory.last.captured == len(SPEECH)
    assert memory.last.adds_up


async def test_a_note_reaches_every_sink_and_says_what_was_being_heard():
    memory, other, clip = Memory(), Memory(name="other"), Clip(realtime=True)
    pipeline = Pipeline(settings(), [clip], [memory, other])
    run = asyncio.create_task(pipeline.run())
    await until(lambda: clip.taken > IN_SPEECH, "sound")
    await pipeline.execute(Note(text="the door"))
    await run
    (note,) = memory.of(NoteEvent)
    assert other.of(NoteEvent) == [note]
    assert note.text == "the door"
    assert note.positions_s.keys() == {memory.last.stream}
    assert IN_SPEECH * BLOCK / 16_000 <= note.positions_s[memory.last.stream] < len(SPEECH) / 16_000


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


async def test_a_recording_begins_and_ends_when_someone_says_so_and_holds_every_event_between(tmp_path):
    memory, clip = Memory(), Clip(realtime=True)
    sinks = [memory]
    recorder = Recorder(RecordSettings(folder=str(tmp_path / "new")), "desk", sinks)
    pipeline = Pipeline(settings(), [clip], sinks, recorder=recorder)
    run = asyncio.create_task(pipeline.run())
    await until(lambda: clip.taken > IN_SPEECH, "sound")
    await pipeline.execute(Record(on=True))
    name = memory.of(HealthEvent)[-1].recording
    (file,) = (tmp_path / "new").iterdir()
    assert file.name == name
    assert file.stat().st_mode & 0o777 == 0o600
    begun = len(memory.events)
    await until(lambda: len(memory.of(LevelEvent)) > 30, "more sound")
    await pipeline.execute(Record(on=False))
    assert memory.of(HealthEvent)[-1].recording is None
    assert sinks == [memory]
    await run
    header, *events = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert (header["schema"], header["node"]) == (RECORDING_SCHEMA, "desk")
    assert all(event["received_at"].endswith("Z") for event in events)
    recorded = [decode(json.dumps(event)) for event in events]
    inside = memory.events[begun : begun + len(recorded)]
    assert [event for event in recorded if not isinstance(event, HealthEvent)] == [
        event for event in inside if not isinstance(event, HealthEvent)
    ][: sum(not isinstance(event, HealthEvent) for event in recorded)]
    assert len(recorded) > 10


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


async def test_a_source_that_the_system_fails_ends_alone_and_says_why():
    memory = Memory()
    torn = Clip(realtime=False, fails_at=BLOCK, failure=OSError(24, "Too many open files"))
    pipeline = Pipeline(settings(), [torn, Clip(realtime=False)], [memory])
    await pipeline.run()
    assert [str(error) for error in pipeline.errors] == ["clip: [Errno 24] Too many open files"]
    assert [stream.state for stream in memory.of(HealthEvent)[-1].streams] == ["failed", "ended"]
    assert memory.of(HealthEvent)[-1].streams[1].captured == len(SPEECH)


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
