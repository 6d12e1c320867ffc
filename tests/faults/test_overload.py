"""Ten times more is said than can be read, for a minute: what is read is fresh, the rest is counted, memory stays."""

import json
import time

import psutil
import pytest
import soundfile

from core.settings import WorkerSettings
from tests.patience import PATIENCE_S
from tests.program import SAMPLE, run, running

pytestmark = [pytest.mark.faults, pytest.mark.slow]

SPEED = 10
LASTS_S = 60.0
SETTLED_S = 15.0
"""From then on memory is watched."""
WATCHED = "utterance,drop,error,health"
DEADLINE_S = WorkerSettings().max_wait_s


@pytest.fixture
def talk(tmp_path):
    """A file that lasts a minute when it is played ten times as fast."""
    samples, rate_hz = soundfile.read(SAMPLE, dtype="int16")
    times = round(LASTS_S * SPEED * rate_hz / len(samples))
    with soundfile.SoundFile(tmp_path / "talk.wav", "w", rate_hz, 1) as file:
        for _ in range(times):
            file.write(samples)
    return tmp_path / "talk.wav"


def utterances_a_second() -> float:
    read = ("run", "--source", f"file:{SAMPLE}", "--speed", "max", "--headless", "--model", "fake", "--mqtt", "off")
    return len(run(*read, "--sink", "jsonl").events_of("utterance")) / soundfile.info(SAMPLE).duration


@pytest.mark.fault(11, "a minute of speech at speed 10, for a model that just keeps up at speed 1")
def test_what_is_read_is_fresh_and_the_rest_is_counted_and_memory_does_not_grow(talk, measured, tmp_path):
    read_s = 1 / utterances_a_second()
    heard = tmp_path / "heard.jsonl"
    words = ("run", "--source", f"file:{talk}", "--speed", str(SPEED), "--headless", "--mqtt", "off")
    options = ("--model", f"fake:read_s={read_s:.3f}", "--sink", f"jsonl:{heard}")
    sizes_mb: list[float] = []
    with running(*words, *options, env={"EMOTION_MONITOR_OUTPUT__JSONL_EVENTS": WATCHED}) as program:
        began_s = time.monotonic()
        process = psutil.Process(program.process.pid)
        while program.process.poll() is None:
            if SETTLED_S < time.monotonic() - began_s < LASTS_S:
                sizes_mb.append(process.memory_info().rss / 1e6)
            assert time.monotonic() - began_s < LASTS_S + PATIENCE_S
            time.sleep(0.5)
        recovered_s = time.monotonic() - began_s - soundfile.info(talk).duration / SPEED
        assert program.process.returncode == 0
    events = [json.loads(line) for line in heard.read_text().splitlines()]
    kinds = [event["schema"].split("/")[1] for event in events]
    published = [event for event, kind in zip(events, kinds, strict=True) if kind == "utterance"]
    stream = next(event for event, kind in zip(reversed(events), reversed(kinds), strict=True) if kind == "health")
    stream = stream["streams"][0]
    dropped = sum(stream["segments_dropped"].values())
    measured(healed_s=recovered_s, lost=f"{dropped} of {stream['segments']}, counted")
    assert stream["segments"] == len(published) + kinds.count("drop")
    assert kinds.count("drop") == dropped > 5 * len(published)
    assert max(event["latency_ms"]["queue"] for event in published) <= 1000 * DEADLINE_S
    assert recovered_s < 2 * DEADLINE_S
    assert max(sizes_mb) < 1.05 * sizes_mb[0]
