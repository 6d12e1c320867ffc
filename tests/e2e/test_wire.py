"""What MQTT subscribers receive from the whole program: a real broker, mosquitto_sub, a separate process each."""

import json
import subprocess
import time

import jsonschema
import pytest

from tests.installed import need
from tests.mosquitto import make_mosquitto, mosquitto, subscribe
from tests.program import SAMPLE, long_talk, run, running

__all__ = ["make_mosquitto", "mosquitto", "subscribe"]

PLAY = ("run", "--source", f"file:{SAMPLE}", "--headless")


def play() -> tuple[str, ...]:
    """A run that goes on until it is ended."""
    return ("run", "--source", f"file:{long_talk()}", "--headless", "--speed", "1", "--model", "fake")


NODE = {"EMOTION_MONITOR_MQTT__NODE": "desk"}


def test_every_utterance_arrives_once_and_valid_between_online_and_offline(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port, "emotion/#")
    done = run(*PLAY, "--speed", "max", "--sink", "jsonl", "--mqtt", mosquitto.url, env=NODE)
    subscriber.until("offline", lambda _: subscriber.payloads("/availability")[-1:] == ["offline"])
    assert done.code == 0
    assert [json.loads(payload) for payload in subscriber.payloads("/utterance")] == done.events
    assert subscriber.payloads("/availability") == ["online", "offline"]
    schemas = json.loads(run("schema").out)
    for message in subscriber.received:
        if message.payload and not message.topic.endswith("/availability"):  # an empty state clears the one before
            jsonschema.validate(message.json, schemas[message.json["schema"]])
    stream = done.events[0]["stream"]
    topics = {message.topic for message in subscriber.received}
    assert topics == {f"emotion/desk/{kind}" for kind in ("claim", "availability", "health")} | {
        f"emotion/desk/{stream}/{kind}" for kind in ("utterance", "state")
    }


def test_a_program_killed_in_mid_stream_is_reported_offline_by_the_broker(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port, "emotion/desk/availability")
    with running(*play(), "--mqtt", mosquitto.url, env=NODE) as program:
        subscriber.until("online", lambda _: subscriber.payloads("/availability") == ["online"])
        program.process.kill()
        subscriber.until("offline", lambda _: subscriber.payloads("/availability") == ["online", "offline"])


def test_the_line_that_the_program_prints_subscribes_to_its_own_broker():
    need("mosquitto_sub")
    with running(*play(), env=NODE) as program:
        line = program.wait_for("mosquitto_sub")
        shell = line[line.index("XDG_CONFIG_HOME") :].strip()
        heard = subprocess.run(["sh", "-c", f"{shell} -C 3 -W 300"], capture_output=True, text=True, check=True).stdout
    assert "emotion/desk/availability online" in heard


@pytest.mark.fault(17, "a second program")
def test_a_second_program_of_the_same_node_ends_at_once_with_one_line_that_names_the_first(mosquitto, measured):
    with running(*play(), "--mqtt", mosquitto.url, env=NODE) as program:
        program.wait_for("connected")
        on_this_machine = run(*play(), "--mqtt", mosquitto.url, env=NODE)
        elsewhere = {**NODE, "EMOTION_MONITOR_MQTT__OUTBOX": "off"}  # as on another machine: the broker has to tell
        began_s = time.monotonic()
        over_the_broker = run(*play(), "--mqtt", mosquitto.url, env=elsewhere)
        measured(detected_s=time.monotonic() - began_s)
        for second in (on_this_machine, over_the_broker):
            assert second.code == 2
            assert second.err.count("\n") == 1
            assert f"as process {program.process.pid}" in second.err
        assert program.process.poll() is None
