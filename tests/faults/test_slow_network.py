"""A network that is slow and loses packets: to a program on TCP that is a wire that is late, and now and then stalls.

The kernel's own (tc netem) is missing in many kernels and needs root; so the wire is one of ours.
"""

import asyncio
import random
import time
from collections import defaultdict

import aiomqtt
import pytest

from core.settings import WorkerSettings
from core.wire.events import UtteranceEvent, decode
from tests.monitor.sinks.publishing import mqtt
from tests.mosquitto import Wire
from tests.patience import PATIENCE_S
from tests.sample_events import utterance

pytestmark = [pytest.mark.system, pytest.mark.faults, pytest.mark.slow]

DELAY_S = 0.3
LOSS = 0.05
REPEATED_AFTER_S = 1.0
"""What is lost comes late by so much, and so does all that follows: as TCP repeats it after a round trip and more."""
STREAMS = ("s1", "s2", "s3")
EVENTS = 150
MOST_AT_ONCE = 64
READ_BYTES = 1400


class SlowWire(Wire):
    """Brings what it is given late by `DELAY_S`, some of it by more, and all in order."""

    stalls = 0

    async def _copy(self, reader, writer, *, is_answer=False):  # noqa: ARG002 - both ways are slow
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(MOST_AT_ONCE)
        delivery = asyncio.create_task(self._deliver(under_way, writer))
        not_before = 0.0
        while data := await reader.read(READ_BYTES):
            lost = random.random() < LOSS  # noqa: S311
            self.stalls += lost
            not_before = max(not_before, time.monotonic() + DELAY_S + REPEATED_AFTER_S * lost)
            await under_way.put((not_before, data))
        await under_way.put((0.0, b""))
        await delivery

    async def _deliver(self, under_way, writer):
        while (due := await under_way.get())[1]:
            await asyncio.sleep(due[0] - time.monotonic())
            writer.write(due[1])
        writer.close()


@pytest.mark.fault(4, "300 ms each way, every twentieth packet a second late")
async def test_events_of_a_stream_stay_in_order_and_are_there_before_they_are_too_old(mosquitto, measured):
    sent_s: dict[str, float] = {}
    late_s: list[float] = []
    heard: dict[str, list[int]] = defaultdict(list)

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            event = decode(bytes(message.payload))
            if isinstance(event, UtteranceEvent) and event.seq not in heard[event.stream]:
                heard[event.stream].append(event.seq)
                late_s.append(time.monotonic() - sent_s[event.id])
                if len(late_s) == EVENTS:
                    return

    async with (
        aiomqtt.Client("127.0.0.1", mosquitto.port) as client,
        SlowWire(mosquitto.port) as wire,
        mqtt(wire.address) as sink,
        asyncio.timeout(PATIENCE_S),
    ):
        await client.subscribe("emotion/desk/+/utterance", qos=1)
        listening = asyncio.create_task(listen(client))
        for number in range(EVENTS):
            event = utterance(number // len(STREAMS), stream=STREAMS[number % len(STREAMS)], id=str(number))
            sent_s[event.id] = time.monotonic()
            await sink.send(event)
            await asyncio.sleep(0.1)
        await listening
        lost = sink.health().dropped
    assert wire.stalls
    assert heard == {stream: list(range(EVENTS // len(STREAMS))) for stream in STREAMS}
    assert lost == 0
    p99_s = sorted(late_s)[int(0.99 * EVENTS)]
    measured(healed_s=p99_s, lost=lost)
    assert p99_s < WorkerSettings().max_wait_s
