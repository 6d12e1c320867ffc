"""A running program takes commands over MQTT and answers them: real broker, real process, fake model."""

import json

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.mosquitto import make_mosquitto, mosquitto, subscribe
from tests.program import long_talk, running

__all__ = ["make_mosquitto", "mosquitto", "subscribe"]


def play(speed: str = "1") -> tuple[str, ...]:
    return ("run", "--source", f"file:{long_talk()}", "--headless", "--speed", speed, "--model", "fake")


NODE = {"EMOTION_MONITOR_MQTT__NODE": "desk", "EMOTION_MONITOR_MQTT__HOME_ASSISTANT": "homeassistant"}
COMMANDS = "emotion/desk/cmd"
ANSWERS = "emotion/desk/answer/app"


@pytest.fixture
def program(mosquitto):
    with running(*play(), "--mqtt", mosquitto.url, env=NODE, until="listening to") as program:
        yield program


async def ask(port, *commands, version=aiomqtt.ProtocolVersion.V5):
    """The answers to commands, by correlation data in MQTT 5 and by id in 3.1.1."""
    async with aiomqtt.Client("127.0.0.1", port, protocol=version, timeout=10) as client:
        await client.subscribe(ANSWERS, qos=1)
        for number, command in enumerate(commands):
            properties = None
            if version == aiomqtt.ProtocolVersion.V5:
                properties = Properties(PacketTypes.PUBLISH)
                properties.ResponseTopic = ANSWERS
                properties.CorrelationData = bytes([number])
            else:
                command = {**command, "reply_to": ANSWERS, "id": str(number)}  # noqa: PLW2901
            payload = command if isinstance(command, bytes) else json.dumps(command)
            await client.publish(COMMANDS, payload, qos=1, properties=properties)
        answers = {}
        async for message in client.messages:
            said = json.loads(message.payload)
            answers[message.properties.CorrelationData[0] if properties else int(said["id"])] = said
            if len(answers) == len(commands):
                break
        return [answers[number] for number in range(len(commands))]


@pytest.mark.usefixtures("program")
async def test_commands_are_done_and_answered_one_by_one(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port, "emotion/desk/#")

    def streams(_):
        health = [m for m in subscriber.received if m.topic.endswith("/health")]
        return health[-1].json["streams"] if health else []

    subscriber.until("a reading", lambda _: subscriber.payloads("/utterance"))
    paused, junk, smoothed, lost, file = await ask(
        mosquitto.port,
        {"command": "pause"},
        b"pause, please",
        {"command": "set_smoothing", "tau_s": 2.5},
        {"command": "switch_source", "source": "mic:no such thing"},
        {"command": "switch_source", "source": "file:/etc/passwd"},
    )
    assert [paused["ok"], junk["ok"], smoothed["ok"], lost["ok"], file["ok"]] == [True, False, True, False, False]
    assert "not a command" in junk["error"]
    assert file["error"] == "'file:/etc/passwd' is no microphone"
    subscriber.until("the pause", lambda _: [s["state"] for s in streams(_)] == ["paused"])
    (resumed,) = await ask(mosquitto.port, {"command": "resume"}, version=aiomqtt.ProtocolVersion.V311)
    assert (resumed["ok"], resumed["id"], resumed["node"]) == (True, "0", "desk")
    subscriber.until("listening again", lambda _: [s["state"] for s in streams(_)] == ["listening"])


@pytest.mark.usefixtures("program")
async def test_muted_it_publishes_no_reading_and_clears_the_state_until_it_is_unmuted(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port, "emotion/desk/#")
    subscriber.until("a reading", lambda _: subscriber.payloads("/state"))
    await ask(mosquitto.port, {"command": "mute"})
    subscriber.until("the state is cleared", lambda _: not subscriber.payloads("/state")[-1])
    heard = len(subscriber.payloads("/utterance"))
    count = len(subscriber.payloads("/health"))
    await ask(mosquitto.port, {"command": "unmute"})
    subscriber.until("readings again", lambda _: len(subscriber.payloads("/utterance")) > heard)
    assert len(subscriber.payloads("/health")) >= count
    assert "offline" not in subscriber.payloads("/availability")


async def test_a_retained_command_is_not_obeyed_when_the_program_connects(mosquitto, subscribe):
    async with aiomqtt.Client("127.0.0.1", mosquitto.port) as client:
        await client.publish(COMMANDS, '{"command": "mute"}', qos=1, retain=True)
    subscriber = subscribe(mosquitto.port, "emotion/desk/#")
    with running(*play(), "--mqtt", mosquitto.url, env=NODE):
        subscriber.until("a reading", lambda _: subscriber.payloads("/utterance"))
    assert not subscriber.payloads("/answer")


@pytest.mark.usefixtures("program")
async def test_home_assistant_is_told_of_the_node_before_any_reading(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port, "homeassistant/#")
    (config,) = subscriber.until("the description", lambda received: received)
    assert config.retain
    assert config.json["availability_topic"] == "emotion/desk/availability"
