"""One stream's events, made without a model or a clock."""

from itertools import chain

import pytest

from core.audio import read_audio
from core.distribution import EmotionDistribution
from core.events import ModelStamp, StateEvent, UtteranceEvent
from core.model import Reading
from core.settings import Settings
from monitor.sources.opening import SAMPLE
from monitor.sources.source import AudioBlock
from monitor.stream import Stream

SPEECH = read_audio(SAMPLE)[: 16_000 * 10]


def events_of(reading, stamp):
    stream = Stream(stream="s1", source="clip", paced=False, settings=Settings())
    stream.open(0.0)
    jobs = [*stream.push(AudioBlock(SPEECH), 0.0).jobs, *stream.end("ended", 0.0).jobs]
    assert jobs
    made = chain.from_iterable(stream.read(job, reading, stamp, started_s=0, now_s=0, read_at=0) for job in jobs)
    return [*made], stream.health()


@pytest.mark.parametrize("calibration", [None, "0123456789ab"])
def test_every_reading_says_whether_it_is_calibrated(calibration):
    stamp = ModelStamp(name="m", sha256="", prompt="single", readout="seq_logprob", calibration=calibration)
    events, _ = events_of(Reading(distribution=EmotionDistribution.uniform()), stamp)
    utterances = [event for event in events if isinstance(event, UtteranceEvent)]
    states = [event for event in events if isinstance(event, StateEvent)]
    assert len(utterances) == len(states) > 0
    assert {event.model.calibration for event in utterances} == {calibration}
    assert {event.calibration for event in states} == {calibration}


def test_a_refused_utterance_is_an_event_with_its_reason_and_no_new_state():
    stamp = ModelStamp(name="m", sha256="", prompt="single", readout="seq_logprob")
    events, health = events_of(Reading(distribution=None, reason="not speech"), stamp)
    assert {(type(event), event.status, event.reason) for event in events} == {
        (UtteranceEvent, "invalid", "not speech")
    }
    assert health.failed == health.segments == len(events)
    assert health.adds_up


def test_speech_is_over_at_once_when_the_speaker_is_gone_and_the_stream_goes_on():
    stream = Stream(stream="s1", source="clip", paced=True, settings=Settings())
    stream.open(0.0)
    begun = stream.push(AudioBlock(SPEECH[: 16_000 * 2]), 0.0)
    assert not begun.jobs
    (job,) = stream.push(AudioBlock(SPEECH[:0], ends=True), 0.0).jobs
    assert job.utterance.final
    assert stream.health().pending == 0
    stream.push(AudioBlock(SPEECH[16_000 * 2 :]), 0.0)
    stream.end("ended", 0.0)
    assert stream.health().adds_up
    assert stream.health().captured == len(SPEECH)
