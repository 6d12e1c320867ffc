"""A file goes in, one event per utterance comes out: the same on every run, at any speed."""

import json
from itertools import pairwise

import jsonschema
import pytest
import soundfile

from tests.program import SAMPLE, Finished, run

PLAY = ("run", "--source", f"file:{SAMPLE}", "--headless", "--sink", "jsonl", "--mqtt", "off")
WITH_HEALTH = {"EMOTION_MONITOR_OUTPUT__JSONL_EVENTS": "utterance,drop,error,health"}
OF_ONE_RUN = ("id", "stream", "started_at", "latency_ms")
"""What may differ between two runs over the same sound."""


@pytest.fixture(scope="module")
def unpaced() -> Finished:
    return run(*PLAY, "--speed", "max")


def same_everywhere(events, *, but=""):
    return [{key: value for key, value in event.items() if key not in {*OF_ONE_RUN, but}} for event in events]


def test_every_line_is_a_valid_reading_of_an_utterance(unpaced):
    assert unpaced.code == 0
    schemas = json.loads(run("schema").out)
    assert len(unpaced.events) >= 5
    for event in unpaced.events:
        jsonschema.validate(event, schemas[event["schema"]])
        assert event["schema"] == "emotion-monitor/utterance/1"
        assert event["final"]
        assert event["status"] == "ok"
        assert sum(event["distribution"].values()) == pytest.approx(1, abs=1e-6)
        assert event["end_s"] - event["start_s"] <= 10
    assert [event["seq"] for event in unpaced.events] == list(range(1, len(unpaced.events) + 1))


def test_utterances_are_in_order_and_do_not_overlap(unpaced):
    spans = [(event["start_s"], event["end_s"]) for event in unpaced.events]
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_every_sample_and_every_utterance_is_accounted_for():
    last = run(*PLAY, "--speed", "max", env=WITH_HEALTH).events_of("health")[-1]["streams"][0]
    info = soundfile.info(SAMPLE)
    assert last["captured"] == pytest.approx(info.frames * 16000 / info.samplerate, abs=1)
    assert last["captured"] == last["silence"] + last["segmented"] + sum(last["dropped"].values())
    assert last["pending"] == last["in_flight"] == 0
    assert last["segments"] == last["published"] > 0
    assert last["segments_dropped"] == {}
    assert last["state"] == "ended"


def test_two_runs_give_the_same_events(unpaced):
    assert same_everywhere(run(*PLAY, "--speed", "max").events) == same_everywhere(unpaced.events)


@pytest.mark.slow
def test_real_time_gives_the_same_distributions(unpaced):
    live = run(*PLAY, "--speed", "1")
    assert live.code == 0
    assert same_everywhere(live.events) == same_everywhere(unpaced.events)


def test_standard_input_gives_the_same_distributions(unpaced):
    from core.sound.audio import read_audio

    piped = run(
        *("run", "--source", "stdin", "--speed", "max", "--headless", "--sink", "jsonl", "--mqtt", "off"),
        stdin=read_audio(SAMPLE).tobytes(),
    )
    assert piped.code == 0, piped.err
    readings = [event["distribution"] for event in piped.events]
    assert readings == [event["distribution"] for event in unpaced.events]


def test_headless_without_a_sink_prints_the_events():
    bare = [word for word in PLAY if word not in {"--sink", "jsonl", "--headless"}]
    done = run(*bare, "--speed", "max", "--model", "fake")  # there is no terminal here either
    assert done.code == 0
    assert len(done.events_of("utterance")) >= 5


def test_two_sources_are_two_streams_that_share_one_model(unpaced):
    both = run(*PLAY, "--source", f"file:{SAMPLE}", "--speed", "max")
    streams = {event["stream"] for event in both.events}
    assert len(streams) == 2
    for stream in streams:
        of_stream = [event for event in both.events if event["stream"] == stream]
        assert {event["source"] for event in of_stream} < {"file:two_cities.flac", "file:two_cities.flac (2)"}
        assert same_everywhere(of_stream, but="source") == same_everywhere(unpaced.events, but="source")


def test_an_unpaced_file_waits_for_a_slow_model_and_drops_nothing(unpaced):
    slow = run(*PLAY, "--speed", "max", "--model", "fake:read_s=0.4", env=WITH_HEALTH)
    stream = slow.events_of("health")[-1]["streams"][0]
    assert stream["published"] == stream["segments"] == len(unpaced.events)
    assert stream["segments_dropped"] == {}


@pytest.mark.fault(11, "speech at speed 20, 1.5 s a reading")
def test_a_paced_source_under_overload_drops_and_says_so(measured):
    env = WITH_HEALTH | {"EMOTION_MONITOR_WORKER__QUEUE_PER_STREAM": "1"}
    busy = run(*PLAY, "--speed", "20", "--model", "fake:read_s=1.5", env=env)
    stream = busy.events_of("health")[-1]["streams"][0]
    drops = busy.events_of("drop")
    assert busy.code == 0
    assert len(drops) == stream["segments_dropped"]["overload"] > 0
    assert stream["published"] + len(drops) == stream["segments"]
    measured(lost=f"{len(drops)} of {stream['segments']}, counted")
    assert stream["in_flight"] == 0


def test_a_paced_source_gets_interim_readings_of_long_speech():
    env = {"EMOTION_MONITOR_OUTPUT__JSONL_INTERIM": "true"}
    live = run(*PLAY, "--speed", "8", "--model", "fake", env=env)
    interim = [event for event in live.events if not event["final"]]
    assert interim
    finals = {event["utterance"]: event for event in live.events if event["final"]}
    for event in interim:
        final = finals[event["utterance"]]
        assert event["start_s"] == final["start_s"]
        assert event["end_s"] < final["end_s"]
        assert event["seq"] == final["seq"]
        assert event["id"] != final["id"]
