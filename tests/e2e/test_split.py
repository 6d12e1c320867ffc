"""Two programs, one that hears and one that reads, and a broker between them."""

import json
import subprocess
import sys

import pytest

from core.errors import UsageError
from core.settings import MqttSettings, Settings
from monitor.jobs.command import serve
from monitor.sources.opening import SAMPLE
from tests.asyncapi import Contract
from tests.mosquitto import make_mosquitto, mosquitto, subscribe
from tests.patience import PATIENCE_S
from tests.program import environment, run, running

__all__ = ["make_mosquitto", "mosquitto", "subscribe"]

pytestmark = pytest.mark.system

HEAVY = ("torch", "transformers", "tokenizers", "safetensors")
LIGHT = f"""
import sys
for name in {HEAVY}:
    sys.modules[name] = None  # importing it is an error
from monitor.cli import main
try:
    main()
finally:
    print("loaded:", [name for name in sys.modules if name.partition(".")[0] in {HEAVY} and sys.modules[name]],
          file=sys.stderr)
"""
HEALTH = {"EMOTION_MONITOR_OUTPUT__JSONL_EVENTS": "utterance,drop,error,health", "EMOTION_MONITOR_MQTT__NODE": "desk"}
PLAY = ("run", "--source", f"file:{SAMPLE}", "--speed", "max", "--headless", "--sink", "jsonl", "--mqtt", "off")


def test_one_without_torch_gives_the_readings_that_it_would_give_with_it(mosquitto, subscribe):
    results = subscribe(mosquitto.port, "emotion-jobs/+/answer/#")
    offers = subscribe(mosquitto.port, "emotion-jobs/+/offer/+")
    reads = ("worker", "--mqtt", mosquitto.url, "--model", "fake")
    with running(*reads, env=HEALTH, until="takes jobs of site main") as worker:
        edge = subprocess.run(
            [sys.executable, "-c", LIGHT, *PLAY, "--model", "fake", "--worker", mosquitto.url],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            env=environment(HEALTH),
            check=False,
        )
        worker.end(15)
    assert (edge.returncode, "loaded: []" in edge.stderr) == (0, True), edge.stderr
    events = [json.loads(line) for line in edge.stdout.splitlines()]
    there = [event for event in events if event["schema"] == "emotion-monitor/utterance/1"]
    here = run(*PLAY, "--model", "fake", env=HEALTH).events_of("utterance")
    assert [each["distribution"] for each in there] == [each["distribution"] for each in here]
    assert [each["model"] for each in there] == [each["model"] for each in here]
    *_, last = [event for event in events if event["schema"] == "emotion-monitor/health/1"]
    (stream,), remote = last["streams"], last["worker"]["remote"]
    assert stream["segments"] == stream["published"] == len(there) == remote["owned"] == remote["answered"] > 5
    assert (remote["in_flight"], remote["expired"], remote["refused"]) == (0, 0, 0)
    offers.until("the offer and its end", lambda received: [bool(one.payload) for one in received][-1:] == [False])
    contract = Contract()
    said = [contract.check(message) for message in (*offers.received, *results.until("results", lambda r: len(r) == 8))]
    assert set(said) == {"offer", "result"}


def test_a_worker_needs_a_broker_that_others_reach():
    with pytest.raises(UsageError, match=r"mqtt\.url = 'embedded': a worker takes jobs from a broker"):
        serve(Settings(mqtt=MqttSettings(node="desk")))
