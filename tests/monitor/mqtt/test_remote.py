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
    asked = message(
        b'{"command": "pause", "reply_to": "emotion/kitchen/answer/b"}',
        ResponseTopic="emotion/kitchen/answer/a",
        CorrelationData=b"\x00\xff",
    )
    answer = await remote.handle(asked)
    assert (answer.topic, answer.correlation) == ("emotion/kitchen/answer/a", b"\x00\xff")


async def test_an_asker_may_have_a_topic_of_its_own_below_the_nodes(remote):
    answer = await remote.handle(message(b'{"command": "pause", "reply_to": "emotion/kitchen/answer/app-7"}'))
    assert answer.topic == "emotion/kitchen/answer/app-7"


async def test_without_mqtt_5_the_command_says_where_the_answer_goes(remote):
    answer = await remote.handle(message(b'{"command": "pause", "reply_to": "emotion/kitchen/answer/b"}'))
    assert (answer.topic, answer.correlation) == ("emotion/kitchen/answer/b", None)


async def test_what_cannot_be_done_and_what_is_no_command_are_answered_with_the_reason(remote, done):
    refused = json.loads((await remote.handle(message(b'{"command": "mute", "id": "1"}'))).payload)
    assert (refused["ok"], refused["error"], refused["hint"]) == (False, "there is nothing to mute", "unmute")
    junk = json.loads((await remote.handle(message(b"pause!"))).payload)
    asked = b'{"command": "pause", "for_s": 60, "id": "8", "reply_to": "emotion/kitchen/answer/me"}'
    unknown = await remote.handle(message(asked))
    assert unknown.topic == "emotion/kitchen/answer/me"
    assert (json.loads(unknown.payload)["ok"], json.loads(unknown.payload)["id"]) == (False, "8")
    assert (junk["ok"], junk["id"], junk["command"]) == (False, None, None)
    assert "not a command" in junk["error"]
    assert not done


async def test_a_retained_command_is_neither_done_nor_answered(remote, done):
    assert await remote.handle(message(b'{"command": "pause"}', retain=True)) is None
    assert not done


ELSEWHERE = [
    "emotion/kitchen/availability",
    "emotion/kitchen/cmd",
    "emotion/kitchen/answers",
    "emotion/hall/answer",
    "emotion/hall/cmd",
    "homeassistant/device/kitchen/emotion-monitor/config",
    "emotion/kitchen/answer/#",
    "emotion/kitchen/answer/+",
    "$SYS/x",
    "emotion/kitchen/answer/\x00",
    "emotion/kitchen/answer/" + "t" * 300,
]


@pytest.mark.parametrize("topic", ELSEWHERE)
async def test_an_answer_wanted_elsewhere_goes_to_the_nodes_own_topic(remote, done, topic):
    in_mqtt_5 = message(b'{"command": "pause"}', ResponseTopic=topic, CorrelationData=b"5")
    in_json = message(json.dumps({"command": "pause", "id": "3", "reply_to": topic}).encode())
    in_junk = message(json.dumps({"command": "dance", "id": "3", "reply_to": topic}).encode())
    answers = [await remote.handle(asked) for asked in (in_mqtt_5, in_json, in_junk)]
    assert {answer.topic for answer in answers} == {"emotion/kitchen/answer"}
    assert answers[0].correlation == b"5"
    assert [json.loads(answer.payload)["id"] for answer in answers[1:]] == ["3", "3"]
    assert done, "it is done all the same"
