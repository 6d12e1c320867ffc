"""The examples run as they are, each as a program of its own, against a real broker."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest

from core.distribution import EmotionDistribution
from core.wire.events import encode
from tests.certificates import authority
from tests.installed import PATH, need
from tests.mosquitto import Mosquitto
from tests.patience import PATIENCE_S, wait_until
from tests.program import REPOSITORY
from tests.sample_events import utterance

__all__ = ["authority"]

pytestmark = pytest.mark.system

EXAMPLES = REPOSITORY / "examples"
ANGRY = EmotionDistribution(anger=0.71, happiness=0.04, sadness=0.05, neutral=0.20)
TOPIC = "emotion/desk/s1/utterance"


class Program:
    """A running example, and what it prints."""

    def __init__(self, *command: str, env: dict[str, str] | None = None) -> None:
        self._lines: Queue[str | None] = Queue()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
            start_new_session=True,  # a shell's children end with it
        )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def next_line(self) -> str:
        """What it prints next."""
        try:
            line = self._lines.get(timeout=PATIENCE_S)
        except Empty:
            pytest.fail("it prints nothing")
        assert line is not None, "it ended"
        return line

    def until(self, word: str) -> str:
        """The next line that holds a word."""
        said = []
        while word not in (said[-1] if said else ""):
            said.append(self.next_line())
        return said[-1]

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


@contextmanager
def running(*command: str, env: dict[str, str] | None = None) -> Iterator[Program]:
    """An example, until it is no longer needed."""
    program = Program(*command, env=env)
    try:
        yield program
    finally:
        os.killpg(program.process.pid, signal.SIGKILL)
        program.process.wait()


def python(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(EXAMPLES / name), *arguments)


@pytest.fixture(autouse=True)
def speaker() -> None:
    """Who says what an example hears."""
    need("mosquitto_pub")


def say(port: int, payload: bytes, topic: str = TOPIC, *options: str) -> None:
    command = ("mosquitto_pub", "-p", str(port), "-V", "mqttv5", "-q", "1", "-t", topic, *options)
    subprocess.run((*command, "-s"), input=payload, check=True)


def retain_online(port: int) -> None:
    say(port, b"online", "emotion/desk/availability", "-r")


def test_subscribe_py_prints_each_reading_once_and_comes_back_after_the_broker(mosquitto):
    retain_online(mosquitto.port)
    with running(*python("subscribe.py", mosquitto.url)) as example:
        assert example.next_line() == "desk: online"
        angry = utterance(1, distribution=ANGRY, entropy=ANGRY.entropy)
        for event in (angry, angry, utterance(2)):
            say(mosquitto.port, encode(event))
        assert (
            example.next_line()
            == "desk: 1.0 to 1.9 s: anger 71%, neutral 20%, sadness 5%, happiness 4% (ambiguity 0.61)"
        )
        assert example.next_line().startswith("desk: 2.0 to 2.9 s: ")
        say(mosquitto.port, encode(utterance(3, status="invalid", reason="too_short", distribution=None)))
        assert example.next_line() == "desk: no reading (too_short)"
        mosquitto.kill()
        example.until("; again in ")
        mosquitto.start()
        retain_online(mosquitto.port)
        example.until("desk: online")
        say(mosquitto.port, encode(utterance(2)))
        say(mosquitto.port, encode(utterance(4)))
        assert example.next_line().startswith("desk: 4.0 to 4.9 s: ")


def test_subscribe_py_logs_in_over_tls_and_gets_what_came_while_it_was_away(authority, make_mosquitto, tmp_path):
    pair = authority.sign("broker", host="localhost")
    passwords = tmp_path / "passwords"
    passwords.write_text("reader:s3cret\n")
    need("mosquitto_passwd")
    subprocess.run(["mosquitto_passwd", "-U", passwords], env=os.environ | {"PATH": PATH}, check=True)
    tls = (f"certfile {pair.certificate}", f"keyfile {pair.key}", f"password_file {passwords}")
    mosquitto: Mosquitto = make_mosquitto(*tls, anonymous=False)
    login = ("-h", "localhost", "--cafile", str(authority.certificate), "-u", "reader", "-P", "s3cret")
    (tmp_path / "password").write_text("s3cret\n")
    url = f"mqtts://reader@localhost:{mosquitto.port}"
    where = (url, "--ca-file", str(authority.certificate), "--client-id", "me")
    with running(*python("subscribe.py", *where, "--password-file", str(tmp_path / "password"))) as example:
        say(mosquitto.port, b"online", "emotion/desk/availability", "-r", *login)
        assert example.until("desk") == "desk: online"
    say(mosquitto.port, encode(utterance(7)), TOPIC, *login)
    with running(*python("subscribe.py", *where), env={"MQTT_PASSWORD": "s3cret"}) as example:
        assert example.until("desk: 7.0").startswith("desk: 7.0 to 7.9 s: ")


def test_subscribe_sh_prints_one_line_per_reading(mosquitto):
    need("jq", "mosquitto_sub")
    with running("sh", str(EXAMPLES / "subscribe.sh"), "-p", str(mosquitto.port)) as example:
        wait_for_subscriber(mosquitto)
        say(mosquitto.port, encode(utterance(1, distribution=ANGRY)))
        say(mosquitto.port, encode(utterance(2, status="invalid", reason="too_short", distribution=None)))
        assert example.next_line() == "desk 1-1.9s  anger 71%, neutral 20%, sadness 5%, happiness 4%"
        assert example.next_line() == "desk 2-2.9s  no reading: too_short"


def test_voice_agent_py_prints_what_a_language_model_is_to_be_told(mosquitto):
    with running(*python("voice_agent.py", mosquitto.url)) as example:
        wait_for_subscriber(mosquitto)
        for event in (
            utterance(1, distribution=ANGRY, transcript="Oh great."),
            utterance(2, distribution=ANGRY, transcript="[emotion happy=1.00] I am glad."),
            utterance(3, status="invalid", reason="too_short", distribution=None),
        ):
            say(mosquitto.port, encode(event))
        said = [json.loads(example.next_line()) for _ in range(3)]
    assert [turn["content"] for turn in said] == [
        "[emotion angry=0.71, neutral=0.20] Oh great.",
        "[emotion angry=0.71, neutral=0.20] (emotion happy=1.00) I am glad.",
        "[emotion unclear]",
    ]


def test_the_node_red_flow_sends_a_message_for_each_reading_that_is_clear_enough(mosquitto, subscribe, tmp_path):
    program = Path(__file__).parents[1] / "node_red" / "node_modules" / "node-red" / "red.js"
    if not program.exists():
        pytest.skip("no Node-RED: make test-node-red")
    flow = (EXAMPLES / "node-red-flow.json").read_text()
    (tmp_path / "flow.json").write_text(flow.replace('"port": "1883"', f'"port": "{mosquitto.port}"'))
    (tmp_path / "settings.js").write_text(
        "module.exports = {uiPort: 0, uiHost: '127.0.0.1', telemetry: {enabled: false}};"
    )
    lamp = subscribe(mosquitto.port, "lamp/#")
    with running("node", str(program), "-s", str(tmp_path / "settings.js"), "-u", str(tmp_path), "flow.json") as red:
        red.until("Connected to broker")
        wait_for_subscriber(mosquitto, "emotion/+/+/utterance")
        unclear = EmotionDistribution(0.3, 0.2, 0.2, 0.3)
        for event in (
            utterance(1, distribution=unclear, margin=unclear.margin),
            utterance(2, distribution=ANGRY, margin=ANGRY.margin, dominant="anger"),
            utterance(2, distribution=ANGRY, margin=ANGRY.margin, dominant="anger"),
            utterance(3, dominant="sadness", margin=0.4),
        ):
            say(mosquitto.port, encode(event))
        lamp.until("the last", lambda received: len(received) >= 2)
    assert [(message.topic, message.json) for message in lamp.received] == [
        ("lamp/desk/set", {"colour": "red"}),
        ("lamp/desk/set", {"colour": "blue"}),
    ]


def wait_for_subscriber(mosquitto: Mosquitto, topic: str = "utterance") -> None:
    """Until the broker's log says that somebody subscribed."""

    def has_subscribed() -> bool:
        return any(topic in line and "(QoS 1)" in line for line in mosquitto.log.read_text().splitlines())

    wait_until(has_subscribed, "a subscription")
