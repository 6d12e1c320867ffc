"""Two programs, one that hears and one that reads, and a broker between them."""

import json
import os
import subprocess
import sys

import pytest

from core.errors import UsageError
from core.settings import MqttSettings, Settings
from core.worker.models import HEAVY
from monitor.jobs.command import serve
from monitor.sources.opening import SAMPLE
from tests.asyncapi import Contract
from tests.mosquitto import make_mosquitto, mosquitto, subscribe
from tests.patience import PATIENCE_S
from tests.program import environment, run, running

__all__ = ["make_mosquitto", "mosquitto", "subscribe"]

pytestmark = pytest.mark.system

LIGHT = f"""
import sys
for name in {set(HEAVY)}:
    sys.modules[name] = None  # importing it is an error
from monitor.cli import main
try:
    main()
finally:
    print("loaded:", [name for name in sys.modules if name.partition(".")[0] in {set(HEAVY)} and sys.modules[name]],
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


def test_an_installation_for_the_edge_has_no_torch_and_reads_nothing_itself_and_is_read_for(mosquitto, tmp_path):
    edge = os.environ.get("EDGE_PYTHON")
    if not edge:
        pytest.skip("no installation for the edge: EDGE_PYTHON names no Python that has one (make test-edge)")

    def hear(*words: str) -> subprocess.CompletedProcess[str]:
        program = [edge, "-m", "monitor", *PLAY, *words]
        return subprocess.run(
            program,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(HEALTH),
            timeout=PATIENCE_S,
            check=False,
        )

    found = subprocess.run(
        [edge, "-c", f"import importlib.util as u, core; print(core.__file__, *filter(u.find_spec, {set(HEAVY)}))"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    ).stdout.split()
    assert len(found) == 1
    assert ".venv-edge" in found[0]
    alone = hear()
    assert alone.returncode == 1
    assert "torch is not installed here" in alone.stderr
    assert "--worker URL" in alone.stderr
    with running("worker", "--mqtt", mosquitto.url, "--model", "fake", env=HEALTH, until="takes jobs of site main"):
        done = hear("--model", "fake", "--worker", mosquitto.url)
    assert done.returncode == 0, done.stderr
    readings = [json.loads(line) for line in done.stdout.splitlines() if "utterance/1" in line]
    here = run(*PLAY, "--model", "fake", env=HEALTH).events_of("utterance")
    assert [each["distribution"] for each in readings] == [each["distribution"] for each in here]


def test_a_worker_needs_a_broker_that_others_reach():
    with pytest.raises(UsageError, match=r"mqtt\.url = 'embedded': a worker takes jobs from a broker"):
        serve(Settings(mqtt=MqttSettings(node="desk")))
