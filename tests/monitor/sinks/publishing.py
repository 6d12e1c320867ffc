"""A sink under test, and what its subscribers receive."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from core.settings import MqttSettings
from core.wire.events import UtteranceEvent, decode
from core.wire.health import SinkHealth
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.incoming import CommandHandler
from monitor.mqtt.messages import Message
from monitor.sinks.mqtt import MqttSink
from tests.mosquitto import Received, Subscriber
from tests.patience import until

QUICK_S = (0.02, 0.2)


def mqtt(
    address: BrokerAddress,
    *,
    drain_s: float = 10.0,
    commands: CommandHandler | None = None,
    greetings: Sequence[Message] = (),
    **settings: Any,
) -> MqttSink:
    """The sink of the node `desk`, quick to connect again."""
    return MqttSink(
        MqttSettings(**{"node": "desk", **settings}),
        address,
        commands=commands,
        greetings=greetings,
        reconnect_s=QUICK_S,
        drain_s=drain_s,
    )


async def until_state(sink: MqttSink, state: str) -> SinkHealth:
    await until(lambda: sink.health().state == state)
    return sink.health()


async def arrives(subscriber: Subscriber, count: int, topic_end: str) -> list[Received]:
    """All messages on topics with this end, once there are `count`."""

    def enough(received: list[Received]) -> bool:
        return sum(message.topic.endswith(topic_end) for message in received) >= count

    received = await asyncio.to_thread(subscriber.until, f"{count} messages on {topic_end}", enough)
    return [message for message in received if message.topic.endswith(topic_end)]


async def until_received(subscriber: Subscriber, condition: Callable[[list[Received]], bool]) -> None:
    await asyncio.to_thread(subscriber.until, "end of the wait", condition)


def numbers(received: list[Received]) -> list[int]:
    """Numbers of the utterances, repetitions included."""
    events = (decode(message.payload) for message in received if message.topic.endswith("/utterance"))
    return [event.seq for event in events if isinstance(event, UtteranceEvent)]


def distinct(received: list[Received]) -> list[int]:
    """Numbers of the utterances in order of first arrival, as a consumer sees them that knows an id again."""
    return list(dict.fromkeys(numbers(received)))
