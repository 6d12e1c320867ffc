"""What a client is told about a stream: brackets that always close."""

from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core.distribution import EmotionDistribution
from core.model import Reading
from core.settings import Settings
from core.wire.events import DropEvent, LevelEvent, ModelStamp
from core.wire.health import HealthEvent, StreamHealth
from core.worker.queue import DroppedJob
from monitor.sources.source import AudioBlock
from monitor.stream import Stream
from monitor.websocket.messages import Drop, Measurement, UtteranceEnd, UtteranceStart, encode
from monitor.websocket.utterances import AudioClock, Utterances
from tests import sample_events

NAME = "ws://127.0.0.1:8765"
STAMP = ModelStamp(name="m", sha256="", prompt="single", readout="seq_logprob")


def level(at_s: float, *, speaking: bool, source: str = NAME) -> LevelEvent:
    return LevelEvent(
        stream="s1", source=source, at_s=at_s, rms_dbfs=-30, peak_dbfs=-20, voiced=speaking, speaking=speaking
    )


def reading(start_s: float, end_s: float, number: int, *, final: bool = True):
    return sample_events.utterance(number + 1, source=NAME, start_s=start_s, end_s=end_s, utterance=number, final=final)


def drop(start_s: float, end_s: float, reason: str) -> DropEvent:
    return replace(sample_events.drop(), source=NAME, start_s=start_s, end_s=end_s, reason=reason)


def health(in_flight: int = 0) -> HealthEvent:
    streams = (StreamHealth(stream="s1", source=NAME, state="listening", in_flight=in_flight),)
    return replace(sample_events.health(), streams=streams)


def told(utterances: Utterances, *events) -> list:
    return [message for event in events for message in utterances.push(event)]


def listening(at: int = 0) -> Utterances:
    utterances = Utterances(NAME)
    utterances.clock.resume(at, 0)
    return utterances


def test_an_utterance_starts_is_measured_and_ends_in_the_client_s_own_time():
    utterances = listening(at=16_000 * 100)
    start, measurement, end = told(
        utterances,
        level(101.0, speaking=True),
        reading(100.5, 103.5, 7, final=False),
        level(106.0, speaking=False),
        reading(100.5, 105.5, 7),
    )
    assert start == UtteranceStart(utterance=1, audio_ms=1000)
    assert isinstance(measurement, Measurement)
    assert (measurement.utterance, measurement.audio_start_ms, measurement.audio_end_ms) == (1, 500, 3500)
    assert isinstance(end, UtteranceEnd)
    assert (end.utterance, end.audio_start_ms, end.audio_end_ms) == (1, 500, 5500)
    assert end.reading.utterance == 7
    assert encode(end).startswith('{"type":"utterance.end"')


def test_speech_that_goes_on_after_a_cut_is_an_utterance_of_its_own():
    messages = told(listening(), level(1.0, speaking=True), reading(0.5, 10.5, 0), reading(10.5, 13.5, 1, final=False))
    assert [(message.type, message.utterance) for message in messages] == [
        ("utterance.start", 1),
        ("utterance.end", 1),
        ("utterance.start", 2),
        ("measurement", 2),
    ]


def test_speech_too_short_to_be_read_ends_with_that_reason_once_nothing_is_being_read():
    utterances = listening()
    assert len(told(utterances, level(1.0, speaking=True), level(1.8, speaking=False), health(1), health(0))) == 1
    (end,) = told(utterances, health(0))
    assert (end.utterance, end.reading, end.reason) == (1, None, "too_short")
    assert told(utterances, health(0)) == []


def test_speech_too_short_to_be_read_ends_before_the_next_reading_is_told():
    messages = told(
        listening(),
        *(level(1.0, speaking=True), level(1.8, speaking=False), level(3.0, speaking=True)),
        reading(2.5, 4.5, 0),
    )
    assert [(m.type, m.utterance) for m in messages] == [
        ("utterance.start", 1),
        ("utterance.start", 2),
        ("utterance.end", 1),
        ("utterance.end", 2),
    ]
    assert (messages[2].reason, messages[3].reason) == ("too_short", None)


def test_an_utterance_that_is_dropped_ends_with_the_reason():
    dropped = drop(0.5, 4.0, "overload")
    _, end = told(listening(), level(1.0, speaking=True), dropped)
    assert (end.utterance, end.reason, end.reading) == (1, "overload", None)


def test_lost_sound_is_told_and_ends_no_utterance():
    lost = drop(1.0, 1.5, "overflow")
    assert told(listening(), lost) == [Drop(reason="overflow", audio_start_ms=1000, audio_end_ms=1500)]


def test_what_was_said_before_the_client_came_and_to_other_sources_is_not_told():
    utterances = listening(at=16_000 * 10)
    assert told(utterances, reading(7.0, 9.9, 3), level(11.0, speaking=True, source="mic:USB")) == []
    assert told(Utterances(NAME), reading(7.0, 9.9, 3), level(11.0, speaking=True)) == []


def test_the_client_s_clock_stands_still_in_gaps():
    clock = AudioClock()
    clock.resume(16_000, 0)
    clock.resume(16_000 * 10, 16_000 * 2)
    assert [clock.audio_ms(at_s) for at_s in (0.5, 1.0, 2.5, 8.0, 10.0, 11.0)] == [0, 0, 1500, 2000, 2000, 3000]


SPEECH = np.random.default_rng(1).normal(0, 6000, 16_000 * 30).astype(np.int16)
SILENCE = np.zeros_like(SPEECH)
parts = st.lists(
    st.tuples(st.sampled_from(["speech", "silence", "lost", "ends"]), st.floats(0.05, 12.0)), min_size=1, max_size=5
)


class Voiced:
    """Calls everything speech that is not zero."""

    frame_ms = 30

    def verdicts(self, sound) -> list[bool]:
        return [bool(np.any(frame)) for frame in np.frombuffer(sound, np.int16).reshape(-1, 480)]


class Monitored:
    """A real stream with a segmenter of its own; utterances are read after a while, refused or dropped."""

    def __init__(self, fates: list[str], delay: int) -> None:
        self.stream = Stream(stream="s1", source=NAME, paced=True, settings=Settings())
        self.stream._segmenter._vad = Voiced()
        self.stream.open(0.0)
        self.messages: list = []
        self._utterances = listening()
        self._fates = iter(fates)
        self._delay = delay
        self._jobs: list = []

    def hear(self, samples, *, lost: int = 0, ends: bool = False) -> None:
        for start in range(0, max(len(samples), 1), 1600):
            block = AudioBlock(samples[start : start + 1600], lost=0 if start else lost, ends=ends)
            pushed = self.stream.push(block, 0.0)
            self._tell(*pushed.events)
            self._jobs += pushed.jobs
            while len(self._jobs) > self._delay:
                self._read(self._jobs.pop(0))

    def finish(self) -> None:
        self.hear(SILENCE[:16_000], ends=True)
        self.hear(SILENCE[:16_000])
        while self._jobs:
            self._read(self._jobs.pop(0))
        self._tell(*(health(self.stream.health().in_flight) for _ in range(3)))

    def _read(self, job) -> None:
        fate = next(self._fates, "read")
        if fate == "drop":
            self._tell(*self.stream.dropped(DroppedJob(job, "overload")))
            return
        distribution = EmotionDistribution.uniform() if fate == "read" else None
        heard = Reading(distribution=distribution, reason=None if distribution else "not speech")
        self._tell(*self.stream.read(job, heard, STAMP, started_s=0, now_s=0, read_at=0))

    def _tell(self, *events) -> None:
        self.messages += told(self._utterances, *events)


@settings(max_examples=40)
@given(parts, st.lists(st.sampled_from(["read", "refuse", "drop"]), max_size=30), st.integers(0, 3))
def test_every_start_gets_exactly_one_end_whatever_the_stream_does(said, fates, delay):
    monitored = Monitored(fates, delay)
    for kind, length_s in said:
        samples = round(length_s * 16_000)
        if kind in {"lost", "ends"}:
            monitored.hear(SILENCE[:0], lost=samples if kind == "lost" else 0, ends=kind == "ends")
        else:
            monitored.hear((SPEECH if kind == "speech" else SILENCE)[:samples])
    monitored.finish()

    starts = [m.utterance for m in monitored.messages if isinstance(m, UtteranceStart)]
    ends = [m for m in monitored.messages if isinstance(m, UtteranceEnd)]
    assert starts == list(range(1, len(starts) + 1))
    assert Counter(end.utterance for end in ends) == Counter(starts)
    counts = monitored.stream.health()
    assert sum(end.reading is not None for end in ends) == counts.published + counts.failed
    assert sum(end.reason == "overload" for end in ends) == sum(counts.segments_dropped.values())
    is_open = set()
    for message in monitored.messages:
        if isinstance(message, UtteranceStart):
            is_open.add(message.utterance)
        elif isinstance(message, Measurement | UtteranceEnd):
            assert message.utterance in is_open
            is_open -= {message.utterance} if isinstance(message, UtteranceEnd) else set()
