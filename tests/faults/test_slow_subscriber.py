"""A subscriber that stopped reading, and one that is fine."""

import asyncio
import socket

import pytest

from tests.monitor.sinks.publishing import arrives, mqtt, numbers
from tests.patience import until
from tests.sample_events import utterance

pytestmark = pytest.mark.system

CONNECT = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04hung"
SUBSCRIBE = b"\x82\x06\x00\x01\x00\x01#\x00"


@pytest.mark.fault(18, "subscriber that never reads")
async def test_one_that_hangs_holds_up_neither_publishing_nor_the_others(make_mosquitto, subscribe, measured):
    mosquitto = make_mosquitto("max_queued_messages 100")
    with socket.create_connection(("127.0.0.1", mosquitto.port)) as hung:
        hung.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        hung.sendall(CONNECT + SUBSCRIBE)
        await asyncio.to_thread(hung.recv, 9)  # CONNACK and SUBACK; and from here on nothing
        other = subscribe(mosquitto.port, "emotion/desk/+/utterance", options=("-q", "0"))
        async with mqtt(mosquitto.address) as sink:
            for number in range(3000):
                await sink.send(utterance(number))
                await asyncio.sleep(0)
            await until(lambda: sink.health().queued == 0)
            await arrives(other, 3000, "/utterance")
            assert numbers(other.received) == list(range(3000))
            assert (sink.health().state, sink.health().dropped) == ("ok", 0)
            measured(lost=0)
