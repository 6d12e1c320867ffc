"""One stream's events, made without a model or a clock."""

from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.distribution import EmotionDistribution
from core.model import Reading
from core.settings import ModelSettings, Settings
from core.sound.audio import read_audio
from core.wire.events import Adaptation, DropEvent, LevelEvent, ModelStamp, StateEvent, TokensEvent, UtteranceEvent
from core.wire.values import timestamp
from monitor.sources.opening import SAMPLE
from monitor.sources.source import AudioBlock
from monitor.stream import Pushed, Stream
from monitor.tuning import initial_tuning
from tests.plugins.fake_model import FakeModel

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


def test_when_the_clock_is_set_stamps_go_by_it_and_the_streams_own_seconds_do_not():
    stream = Stream(stream="s1", source="clip", paced=False, settings=Settings())
    stream.open(1000.0)
    job, *_ = [*stream.push(AudioBlock(SPEECH), 0.0).jobs, *stream.end("ended", 0.0).jobs]
    stream.set_clock(36_000.0)
    stamp = ModelStamp(name="m", sha256="", prompt="single", readout="seq_logprob")
    reading = Reading(distribution=EmotionDistribution.uniform())
    event, *_ = stream.read(job, reading, stamp, started_s=0, now_s=0, read_at=0)
    assert event.started_at == timestamp(37_000.0 + event.start_s)
    assert event.start_s == job.utterance.start_s


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


def kept(reasons: dict[str, int]) -> dict[str, float]:
    """Losses in seconds, without those of the segmenter's own choice."""
    return {reason: samples / 16_000 for reason, samples in reasons.items() if reason != "too_short"}


def test_a_microphone_that_was_away_is_the_same_stream_with_a_gap_that_is_counted():
    settings = Settings(model=ModelSettings(adapt_readings=True))
    stream = Stream(stream="s1", source="mic:Desk", paced=True, settings=settings)
    stream.open(1000.0)
    stream.push(AudioBlock(SPEECH[: 16_000 * 3]), 5.0)
    (before,) = stream.lose(7.0).jobs
    assert before.utterance.final, "what was being said when it vanished is read"
    assert (stream.health().state, stream.health().pending) == ("failed", 0)
    (drop,) = stream.find(25.0).events
    assert (drop.reason, drop.start_s, drop.end_s, drop.at) == ("absent", 3.0, 23.0, timestamp(1023.0))
    assert stream.health().state == "listening"
    after = stream.push(AudioBlock(SPEECH), 35.0).jobs[-1]
    stamp = ModelStamp(name="m", sha256="", prompt="single", readout="seq_logprob")
    reading = Reading(distribution=anger(0.6))
    heard = [stream.read(job, reading, stamp, started_s=0, now_s=0, read_at=0)[0] for job in (before, after)]
    assert heard[1].start_s > 23.0
    assert [event.started_at for event in heard] == [timestamp(1000.0 + event.start_s) for event in heard]
    assert [event.adaptation.utterances for event in heard] == [0, 1], "it is the same voice and room"
    assert heard[1].smoothed.anger == pytest.approx(heard[1].distribution.anger), "as after so long a silence"
    assert kept(stream.health().dropped) == {"absent": 20.0}
    assert stream.health().adds_up


def test_a_microphone_that_is_not_back_at_the_end_was_away_until_then():
    stream = Stream(stream="s1", source="mic:Desk", paced=True, settings=Settings())
    stream.open(0.0)
    stream.push(AudioBlock(SPEECH[:16_000]), 1.0)
    stream.lose(2.0)
    (drop,) = stream.end("failed", 11.0).events
    assert (drop.reason, drop.end_s) == ("absent", 11.0)
    assert stream.health().adds_up


STEPS = st.lists(st.sampled_from(["push", "lose", "find", "pause", "wait", "resume"]), max_size=30)


@settings(max_examples=40)
@given(STEPS)
def test_the_sums_hold_and_time_goes_on_through_gaps_and_pauses_in_any_order(steps):
    stream, now_s, here = Stream(stream="s1", source="mic:Desk", paced=True, settings=Settings()), 0.0, True
    stream.open(0.0)
    told_s = 0.0
    for step in [*steps, "end"]:
        pushed = Pushed([], [])
        if step == "push" and here:
            now_s += 0.5
            pushed = stream.push(AudioBlock(SPEECH[:8000]), now_s)
        elif step == "lose" and here:
            here, pushed = False, stream.lose(now_s)
        elif step == "find" and not here:
            now_s += 3.25
            here, pushed = True, stream.find(now_s)
        elif step in {"pause", "wait"}:
            pushed = stream.pause(now_s, waits=step == "wait")
        elif step == "resume":
            pushed = stream.resume(now_s)
        elif step == "end":
            pushed = stream.end("ended", now_s)
        told_s += sum(event.end_s - event.start_s for event in pushed.events if isinstance(event, DropEvent))
        assert stream.health().adds_up
    assert stream.position_s == pytest.approx(now_s)
    assert told_s == pytest.approx(sum(kept(stream.health().dropped).values())), "every loss was told"


def test_how_a_reading_came_about_follows_the_reading_of_a_whole_utterance_only():
    stream = Stream(stream="s1", source="clip", paced=True, settings=Settings())
    stream.open(0.0)
    jobs = [*stream.push(AudioBlock(SPEECH), 0.0).jobs, *stream.end("ended", 0.0).jobs]
    interim, final = (next(job for job in jobs if job.utterance.final is final) for final in (False, True))
    model = FakeModel()
    for job in (interim, final):
        (reading,) = model.read([job.utterance.samples], explain=[job.utterance.final])
        events = stream.read(job, reading, model.stamp, started_s=0, now_s=0, read_at=0)
        told = [event for event in events if isinstance(event, TokensEvent)]
        assert bool(told) is job.utterance.final
    (tokens,) = told
    assert isinstance(events[0], UtteranceEvent)
    assert (tokens.seq, tokens.utterance) == (events[0].seq, events[0].utterance)
    assert tokens.answer == events[0].dominant
    assert tokens.readouts == {"hash": events[0].distribution}


def levels_of(sound: np.ndarray, **changes: object) -> list[LevelEvent]:
    stream = Stream(stream="s1", source="clip", paced=True, settings=Settings())
    stream.open(0.0)
    stream.tune(replace(initial_tuning(Settings()), **changes))
    blocks = (sound[start : start + 480] for start in range(0, len(sound), 480))
    events = chain.from_iterable(stream.push(AudioBlock(block), 0.0).events for block in blocks)
    levels = [event for event in events if isinstance(event, LevelEvent)]
    assert stream.health().adds_up
    return levels


def test_levels_tell_how_loud_it_is_between_utterances_and_not_how_loud_speech_is():
    hiss = np.random.default_rng(0).normal(0, 33, len(SPEECH) * 2)  # -60 dBFS
    hiss[len(SPEECH) :] += SPEECH
    levels = levels_of(hiss.astype(np.int16))
    assert levels[0].noise_floor_dbfs is None
    assert levels[len(levels) // 3].noise_floor_dbfs == pytest.approx(-60, abs=1)
    assert levels[-1].noise_floor_dbfs == pytest.approx(-60, abs=1)
    assert levels[-1].rms_dbfs > -60 or any(level.speaking for level in levels)


def test_a_single_sample_at_full_scale_is_told_with_the_next_level_and_with_no_other():
    sound = np.zeros(16_000, np.int16)
    sound[8_000] = 32767
    levels = levels_of(sound)
    assert [level.at_s for level in levels if level.clipped] == [min(x.at_s for x in levels if x.at_s > 0.5)]


def test_a_more_careful_detector_calls_less_of_the_same_noisy_talk_voiced():
    noisy = (SPEECH + np.random.default_rng(0).normal(0, 800, len(SPEECH))).astype(np.int16)
    voiced = [sum(level.voiced for level in levels_of(noisy, vad_mode=mode)) for mode in (0, 3)]
    assert voiced[0] > voiced[1]


def anger(share):
    return EmotionDistribution(anger=share, happiness=0.1, sadness=0.1, neutral=0.8 - share)


@pytest.mark.parametrize("adapts", [False, True])
def test_readings_over_the_streams_mean_are_for_models_that_do_not_adapt_themselves(adapts):
    settings = Settings(model=ModelSettings(adapt_readings=True))
    stream = Stream(stream="s1", source="clip", paced=False, settings=settings)
    stream.open(0.0)
    (job, *_) = [*stream.push(AudioBlock(SPEECH), 0.0).jobs, *stream.end("ended", 0.0).jobs]
    stamp = ModelStamp(name="m", sha256="", prompt="single", readout="seq_logprob")
    own = Adaptation(utterances=7, weight=0.5) if adapts else None
    said = []
    for name in ("m", "m", "m", "another"):
        reading = Reading(distribution=anger(0.6), adaptation=own)
        event, *_ = stream.read(job, reading, replace(stamp, name=name), started_s=0, now_s=0, read_at=0)
        said.append((event.adaptation, event.distribution.anger))
    if adapts:
        assert said == [(own, 0.6)] * 4
        return
    assert [adaptation.utterances for adaptation, _ in said] == [0, 1, 2, 0]
    assert said[0][1] == said[3][1] == pytest.approx(0.6)
    assert said[0][1] > said[1][1] > said[2][1]


def test_an_interim_reading_is_levelled_and_teaches_nothing():
    settings = Settings(model=ModelSettings(adapt_readings=True))
    stream = Stream(stream="s1", source="clip", paced=True, settings=settings)
    stream.open(0.0)
    jobs = [*stream.push(AudioBlock(SPEECH), 0.0).jobs, *stream.end("ended", 0.0).jobs]
    interim, final = (next(job for job in jobs if job.utterance.final is whole) for whole in (False, True))
    stamp = ModelStamp(name="m", sha256="", prompt="single", readout="seq_logprob")
    heard = []
    for job in (interim, final, interim):
        event, *_ = stream.read(job, Reading(distribution=anger(0.6)), stamp, started_s=0, now_s=0, read_at=0)
        heard.append(event.adaptation.utterances)
    assert heard == [0, 0, 1]
