"""Readings begun within the hangover change when a reading comes, and nothing else of it."""

import asyncio
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.anchor import Anchor, Heard
from core.distribution import EmotionDistribution
from core.model import Reading
from core.settings import Settings
from core.sound.utterance import Utterance
from core.wire.events import Adaptation, ModelStamp, UtteranceEvent
from core.worker.eager import EarlyReading
from core.worker.queue import Job
from monitor.pipeline import Pipeline
from monitor.sources.source import AudioBlock
from monitor.stream import Stream
from tests.monitor.playing import Clip, Memory
from tests.monitor.websocket.test_utterances import Voiced
from tests.patience import PATIENCE_S, until

STAMP = ModelStamp(name="m", sha256="", prompt="single", readout="seq_logprob")
LOUD, QUIET = np.full(16_000, 5000, np.int16), np.zeros(16_000, np.int16)


def adapting(utterance: Utterance, anchor: Anchor) -> Reading:
    """What a model that gets to know voices might hear: it depends on the sound and on all that was heard before."""
    loudness = float(np.abs(utterance.samples.astype(float)).mean()) / 32768 + len(utterance.samples) / 1e6
    known = float(anchor.mean.sum()) if anchor.utterances else 0.0
    weights = [1 + loudness, 1 + abs(known), 2.0, 1.5 + loudness * abs(known)]
    return Reading(
        distribution=EmotionDistribution.from_weights(weights),
        model=STAMP,
        heard=Heard("e", np.array([loudness, 1 - loudness], np.float32)),
        adaptation=Adaptation(utterances=anchor.utterances, weight=anchor.weight(2.0)),
    )


@dataclass
class Live:
    """A stream, a queue and a model that takes a while, as in the pipeline, by a clock of blocks."""

    stream: Stream
    blocks_a_reading: int

    def __post_init__(self) -> None:
        self.stream.open(0.0)
        self.stream._segmenter._vad = Voiced()
        self.events: list[UtteranceEvent] = []
        self.early = 0
        self._queue: deque[Job] = deque()
        self._at_work: tuple[Job, Reading, bool, int] | None = None

    def step(self, pushed) -> None:
        """One block of time: what it led to is queued, and the model goes on."""
        self._queue.extend(pushed.jobs)
        if self._at_work is None:
            self._start(pushed.foreseen)
        if self._at_work is not None:
            job, reading, is_early, left = self._at_work
            self._at_work = (job, reading, is_early, left - 1)
            if left <= 1:
                self._finish()

    def drain(self) -> None:
        while self._queue or self._at_work:
            if self._at_work is None:
                self._start(None)
            if self._at_work is not None:
                self._finish()

    def _start(self, foreseen: Job | None) -> None:
        while self._queue:
            job = self._queue.popleft()
            early = self.stream.eager.claim(job.utterance) if job.utterance.final else None
            if early is None:
                self._at_work = (job, adapting(job.utterance, self.stream.anchor), False, self.blocks_a_reading)
                return
            self.early += 1
            self._tell(job, early.reading)
        if foreseen is not None:
            self.stream.eager.begin()
            self._at_work = (
                foreseen,
                adapting(foreseen.utterance, self.stream.anchor),
                True,
                self.blocks_a_reading,
            )

    def _finish(self) -> None:
        job, reading, is_early, _ = self._at_work
        self._at_work = None
        if is_early:
            self.stream.eager.finish(job, EarlyReading(reading=reading, started_s=0.0, took_s=0.1))
        else:
            self._tell(job, reading)

    def _tell(self, job: Job, reading: Reading) -> None:
        events = self.stream.read(job, reading, STAMP, started_s=0, now_s=0, read_at=0)
        self.events += [event for event in events if isinstance(event, UtteranceEvent)]


def heard(parts, options: Settings, blocks_a_reading: int) -> Live:
    live = Live(Stream(stream="s", source="clip", paced=True, settings=options), blocks_a_reading)
    for loud, length, lost in parts:
        samples = (LOUD if loud else QUIET)[:length]
        for start in range(0, length, 480):
            live.step(live.stream.push(AudioBlock(samples[start : start + 480], lost=0 if start else lost), 0.0))
    live.step(live.stream.end("ended", 0.0))
    live.drain()
    assert live.stream.health().adds_up
    return live


pieces = st.lists(
    st.tuples(st.booleans(), st.integers(480, 16_000), st.sampled_from([0, 0, 0, 0, 700, 20_000])), max_size=25
)


@settings(max_examples=60, deadline=None)
@given(pieces, st.integers(1, 12), st.sampled_from([0.01, 0.2, 0.4]))
def test_with_and_without_early_readings_the_same_is_read_smoothed_and_adapted_to(parts, blocks_a_reading, after_s):
    def told(eager_after_s: float) -> list[UtteranceEvent]:
        plain = Settings()
        segmenter = replace(plain.segmenter, eager_after_s=eager_after_s, interim_every_s=0)
        live = heard(parts, replace(plain, segmenter=segmenter), blocks_a_reading)
        return [replace(event, latency_ms=None) for event in live.events]

    assert told(after_s) == told(0.0)


def test_speech_between_long_pauses_is_read_early_every_time():
    parts = [(True, 16_000, 0), (False, 16_000, 0)] * 4
    live = heard(parts, Settings(), 5)
    assert live.early == len(live.events) == 4
    health = live.stream.health()
    assert (health.eager_begun, health.eager_used, health.eager_discarded) == (4, 4, 0)


def test_a_pause_for_breath_costs_a_reading_that_is_counted_as_nothing_else():
    live = heard([(True, 16_000, 0), (False, 6_400, 0), (True, 8_000, 0), (False, 16_000, 0)], Settings(), 3)
    health = live.stream.health()
    assert (health.segments, health.published) == (1, 1)
    assert (health.eager_begun, health.eager_used, health.eager_discarded) == (2, 1, 1)
    assert health.eager_discarded_s == pytest.approx(0.1)


def test_a_source_that_waits_for_the_model_is_never_read_early():
    stream = Stream(stream="s", source="clip", paced=False, settings=Settings())
    stream._segmenter._vad = Voiced()
    assert stream.push(AudioBlock(np.r_[LOUD, QUIET[:8000]]), 0.0).foreseen is None


class Hesitant(Clip):
    """Says a second, is silent for 0.4 s until `go`, and then for long."""

    def __init__(self) -> None:
        super().__init__(realtime=True)
        self.go = asyncio.Event()

    async def blocks(self):
        from monitor.sources.opening import SAMPLE

        speech = read_speech(SAMPLE)
        for block in (speech, np.zeros(4_800, np.int16)):
            yield AudioBlock(block)
        await self.go.wait()
        yield AudioBlock(np.zeros(16_000, np.int16))


def read_speech(path) -> np.ndarray:
    """Two seconds in the midst of speech."""
    from core.sound.audio import read_audio

    return read_audio(path)[16_000 : 16_000 * 3]


async def run_hesitant(**model) -> tuple[Memory, int]:
    """Runs; how often the model was asked before the silence was long enough."""
    memory, clip, plain = Memory(), Hesitant(), Settings()
    options = replace(plain, model=replace(plain.model, name="fake"), **model)
    pipeline = Pipeline(options, [clip], [memory])
    run = asyncio.create_task(pipeline.run())
    if options.segmenter.eager_after_s:
        await until(lambda: [s.eager_begun for s in pipeline.health().streams] == [1], "an early reading")
    else:
        await until(lambda: clip.is_open and [s.pending for s in pipeline.health().streams] != [0], "speech")
    before = len(memory.of(UtteranceEvent))
    clip.go.set()
    async with asyncio.timeout(PATIENCE_S):
        await run
    return memory, before


async def test_the_program_reads_early_and_tells_when_it_is_certain_and_truthfully():
    early, before = await run_hesitant()
    assert before == 0
    late, _ = await run_hesitant(segmenter=replace(Settings().segmenter, eager_after_s=0))
    (one,), (other,) = (memory.of(UtteranceEvent) for memory in (early, late))
    assert (one.distribution, one.smoothed, one.start_s, one.end_s) == (
        (other.distribution, other.smoothed, other.start_s, other.end_s)
    )
    assert one.latency_ms.hangover == other.latency_ms.hangover == 600
    assert one.latency_ms.queue == 0
    assert one.latency_ms.total >= one.latency_ms.hangover
    assert early.last.adds_up
    assert (early.last.eager_begun, early.last.eager_used) == (1, 1)
    assert (late.last.eager_begun, late.last.eager_used) == (0, 0)
    assert early.last.published == late.last.published == 1
