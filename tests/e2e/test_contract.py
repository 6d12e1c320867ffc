"""Every message of a real run is on a channel of docs/asyncapi.yaml, and is as that and the shipped schemas say."""

import json
import subprocess
from collections import Counter

from core.sound.audio import read_audio
from tests.asyncapi import Contract
from tests.installed import need
from tests.mosquitto import make_mosquitto, mosquitto, subscribe
from tests.patience import PATIENCE_S
from tests.program import SAMPLE, long_talk, run, running

__all__ = ["make_mosquitto", "mosquitto", "subscribe"]

PLAY = ("run", "--source", f"file:{SAMPLE}", "--headless")
DESK = {"EMOTION_MONITOR_MQTT__NODE": "desk", "EMOTION_MONITOR_MQTT__HOME_ASSISTANT": "homeassistant"}
DETAILS = {**DESK, "EMOTION_MONITOR_MQTT__DETAILS": "true", "EMOTION_MONITOR_MODEL__EXPLAIN": "true"}
LATE = {"EMOTION_MONITOR_MQTT__NODE": "late", "EMOTION_MONITOR_WORKER__MAX_WAIT_S": "0.001"}


def ask(port: int, payload: str, *properties: str) -> dict:
    """A command by mosquitto_rr: the answer, as it came on the response topic."""
    need("mosquitto_rr")
    where = ("-p", str(port), "-V", "mqttv5", "-t", "emotion/desk/cmd", "-e", "emotion/desk/answer/test", "-W", "300")
    done = subprocess.run(("mosquitto_rr", *where, "-m", payload, *properties), capture_output=True, check=True)
    return json.loads(done.stdout)


def test_every_message_of_a_run_is_as_described(mosquitto, subscribe, tmp_path):
    contract = Contract()
    subscriber = subscribe(mosquitto.port)
    sound = read_audio(SAMPLE)
    listen = ("run", "--source", "stdin", "--speed", "4", "--headless", "--mqtt", mosquitto.url)
    with running(*listen, env=DETAILS, until="listening to") as program:
        program.hear(sound[: len(sound) // 2])
        subscriber.until("a reading", lambda _: subscriber.payloads("/utterance") != [])
        smoothing = {"schema": "emotion-monitor/command/1", "command": "set_smoothing", "tau_s": 5.0, "id": "42"}
        assert ask(mosquitto.port, json.dumps(smoothing))["ok"]
        assert ask(mosquitto.port, '{"command": "set_fire"}')["hint"]
        assert ask(mosquitto.port, '{"command": "note", "text": "the door"}')["ok"]
        assert ask(mosquitto.port, '{"command": "set_vad", "mode": 1}')["ok"]
        assert "seq_logprob" in ask(mosquitto.port, '{"command": "set_reading", "readout": "tea_leaves"}')["hint"]
        assert ask(mosquitto.port, '{"command": "set_reading", "readout": "first_piece"}')["ok"]
        program.hear(sound[len(sound) // 2 :])
        program.process.communicate(timeout=PATIENCE_S)
    subscriber.until("offline", lambda _: subscriber.payloads("desk/availability")[-1:] == ["offline"])
    damaged = tmp_path / "damaged.flac"
    damaged.write_bytes(SAMPLE.read_bytes()[:60_000])
    overload = (*PLAY, "--source", f"file:{damaged}", "--speed", "8", "--model", "fake:read_s=0.5")
    run(*overload, "--mqtt", mosquitto.url, env=LATE)
    subscriber.until("offline", lambda _: subscriber.payloads("late/availability")[-1:] == ["offline"])

    received = [message for message in subscriber.received if not message.topic.endswith(("/cmd", "/answer/test"))]
    channels = Counter(contract.check(message) for message in received)
    assert channels.keys() == contract.sent - {"answer", "job"}, channels
    assert channels["utterance"] >= 5
    schemas = {
        message.properties.get("user-properties", {}).get("schema", "").partition("/")[2] for message in received
    }
    kinds = {"utterance", "state", "health", "drop", "error", "claim", "note", "tokens", "level"}
    assert schemas - {""} == {f"{kind}/1" for kind in kinds}
    tokens = [message.json for message in received if message.topic.endswith("/tokens")]
    assert all(event["answer"] for event in tokens if event["seq"] > 1), "the answer was written out"
    readings = [message for message in received if message.topic.endswith("/utterance")]
    readouts = [reading.json["model"]["readout"] for reading in readings if reading.topic.startswith("emotion/desk")]
    assert {"seq_logprob", "first_piece"} == set(readouts), "another read-out under way"
    answers = [message for message in subscriber.received if message.topic.endswith("/answer/test")]
    assert len(answers) == 6
    for message in answers:
        contract.check(message.on("emotion/desk/answer"))


def test_what_a_late_subscriber_finds_is_as_described_and_says_that_it_is_retained(mosquitto, subscribe):
    talk = ("run", "--source", f"file:{long_talk()}", "--speed", "4", "--headless", "--model", "fake")
    with running(*talk, "--mqtt", mosquitto.url, env=DESK) as program:
        program.wait_for("listening to")
        early = subscribe(mosquitto.port, "emotion/desk/+/state")
        early.until("a state", lambda received: len(received) > 0)
        late = subscribe(mosquitto.port)
        late.until("all that is retained", lambda received: sum(m.retain for m in received) >= 4)
        retained = [message for message in late.received if message.retain]
    contract = Contract()
    assert {contract.check(message) for message in retained} == {"availability", "discovery", "health", "state"}
