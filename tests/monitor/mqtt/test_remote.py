"""Commands from the wire are done, and answered where an answer is wanted."""

import json
from types import SimpleNamespace

import aiomqtt
import pytest

from core.errors import UsageError
from core.wire.commands import Mute, Pause, WireCommand
from monitor.mqtt.messages import Topics
from monitor.mqtt.remote import RemoteControl

TOPICS = Topics("emotion", "kitchen")


def message(payload, *, retain=False, **properties) -> aiomqtt.Message:
    return aiomqtt.Message(
        TOPICS.command, payload, qos=1, retain=retain, mid=1, properties=SimpleNamespace(**properties)
    )


@pytest.fixture
def done() -> list[WireCommand]:
    return []


@pytest.fixture
def remote(done) -> RemoteControl:
    async def execute(command: WireCommand) -> None:
        if isinstance(command, Mute):
            msg = "there is nothing to mute"
            raise UsageError(msg, hint="unmute")
        done.append(command)

    return RemoteControl(TOPICS, "kitchen", execute)


async def test_a_command_is_done_and_answered_on_the_nodes_own_topic(remote, done):
    answer = await remote.handle(message(b'{"command": "pause", "id": "7"}'))
    assert done == [Pause(id="7")]
    assert answer.topic == "emotion/kitchen/answer"
    assert not answer.retain
    said = json.loads(answer.payload)
    assert (said["ok"], said["id"], said["command"], said["node"]) == (True, "7", "pause", "kitchen")


async def test_mqtt_5s_response_topic_and_correlation_data_come_first(remote):
    asked = message(b'{"command": "pause", "reply_to": "app/b"}', ResponseTopic="app/a", CorrelationData=b"\x00\xff")
    answer = await remote.handle(asked)
    assert (answer.topic, answer.correlation) == ("app/a", b"\x00\xff")


async def test_an_asker_may_have_a_topic_of_its_own_below_the_nodes(remote):
    answer = await remote.handle(message(b'{"command": "pause", "reply_to": "emotion/kitchen/answer/app-7"}'))
    assert answer.topic == "emotion/kitchen/answer/app-7"


async def test_without_mqtt_5_the_command_says_where_the_answer_goes(remote):
    answer = await remote.handle(message(b'{"command": "pause", "reply_to": "app/b"}'))
    assert (answer.topic, answer.correlation) == ("app/b", None)


async def test_what_cannot_be_done_and_what_is_no_command_are_answered_with_the_reason(remote, done):
    refused = json.loads((await remote.handle(message(b'{"command": "mute", "id": "1"}'))).payload)
    assert (refused["ok"], refused["error"], refused["hint"]) == (False, "there is nothing to mute", "unmute")
    junk = json.loads((await remote.handle(message(b"pause!"))).payload)
    assert (junk["ok"], junk["id"], junk["command"]) == (False, None, None)
    assert "not a command" in junk["error"]
    assert not done


async def test_a_retained_command_is_neither_done_nor_answered(remote, done):
    assert await remote.handle(message(b'{"command": "pause"}', retain=True)) is None
    assert not done


@pytest.mark.parametrize(
    "topic",
    ["emotion/kitchen/availability", "emotion/kitchen/cmd", "emotion/#", "a/+/b", "$SYS/x", "x\x00", "t" * 300],
)
async def test_no_answer_goes_where_it_could_be_taken_for_something_else(remote, done, topic):
    assert await remote.handle(message(b'{"command": "pause"}', ResponseTopic=topic)) is None
    assert done, "it is done all the same"
