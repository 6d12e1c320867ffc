"""What can be changed while the pipeline runs: model, prompt, read-out, smoothing, sensitivity, notes, recording."""

import asyncio
import json

import pytest

from core.errors import EmotionMonitorError, UsageError
from core.settings import RecordSettings
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
    ErrorEvent,
    LevelEvent,
    NoteEvent,
    TokensEvent,
    UtteranceEvent,
    decode,
)
from core.wire.health import HealthEvent
from monitor.pipeline import Pipeline
from monitor.sinks.recording import RECORDING_SCHEMA, Recorder
from tests.monitor.playing import BLOCK, IN_SPEECH, SPEECH, Clip, Memory, playing, settings
from tests.patience import until


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


async def test_smoothing_changes_from_the_next_reading_on():
    memory, clip = Memory(), Clip(realtime=False)
    pipeline = Pipeline(settings(), [clip], [memory])
    run = asyncio.create_task(pipeline.run())
    await pipeline.execute(SetSmoothing(tau_s=0))
    await run
    readings = memory.of(UtteranceEvent)
    assert len(readings) > 2
    assert all(event.smoothed == event.distribution for event in readings)


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
