"""The broker dies in mid-stream, twenty times, at random moments."""

import asyncio
import random
import time
from itertools import count

import psutil
import pytest

from core.wire.events import UtteranceEvent, decode
from tests.monitor.sinks.publishing import mqtt, until_received
from tests.mosquitto import Received, Wire
from tests.patience import until
from tests.sample_events import health, state, utterance

pytestmark = [pytest.mark.system, pytest.mark.slow]

KILLS = 20
STREAMS = ("s1", "s2", "s3")
AT_ONCE = ("-q", "0")  # what mosquitto acknowledges, it has written to such a subscriber; it holds nothing back


def footprint() -> tuple[int, int, float]:
    """Threads, file descriptors and MB of this process."""
    process = psutil.Process()
    return process.num_threads(), process.num_fds(), process.memory_info().rss / 1e6


def first_arrivals(received: list[Received]) -> dict[str, list[int]]:
    """For each stream the numbers of its events in the order in which a consumer sees them that drops repeats."""
    seen: set[str] = set()
    numbers: dict[str, list[int]] = {stream: [] for stream in STREAMS}
    for message in received:
        event = decode(message.payload) if message.topic.endswith("/utterance") else None
        if isinstance(event, UtteranceEvent) and event.id not in seen:
            seen.add(event.id)
            numbers[event.stream].append(event.seq)
    return numbers


def is_back(received: list[Received]) -> bool:
    topics = {message.topic for message in received if message.payload not in {"", "offline"}}
    return {"emotion/desk/availability", "emotion/desk/s1/state"} <= topics


@pytest.mark.fault(2, "kill -9 of mosquitto at random moments")
async def test_no_event_is_lost_order_is_kept_and_the_node_is_back_soon(make_mosquitto, subscribe, measured, tmp_path):
    mosquitto = make_mosquitto()
    sent = dict.fromkeys(STREAMS, 0)

    async def speak(sink) -> None:
        for number in count():
            stream = STREAMS[number % len(STREAMS)]
            sent[stream] += 1
            await sink.send(utterance(sent[stream], stream=stream, id=f"{stream} {sent[stream]}"))
            if number % 10 == 0:
                await sink.send(state(sent["s1"]))
                await sink.send(health(uptime_s=number / 10))
            await asyncio.sleep(0.005)

    await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.05) for _ in range(40)))  # the pool has its threads now
    received: list[Received] = []
    back_s, prints = [], []
    subscriber = subscribe(mosquitto.port, options=AT_ONCE)
    async with Wire(mosquitto.port) as wire, mqtt(wire.address, outbox=str(tmp_path / "outbox")) as sink:
        speaking = asyncio.create_task(speak(sink))
        for _ in range(KILLS):
            await until_received(subscriber, is_back)
            await asyncio.sleep(random.uniform(0, 0.2))  # noqa: S311
            mosquitto.kill()
            await wire.cut()
            received += await asyncio.to_thread(subscriber.finish)
            began = time.monotonic()
            await asyncio.to_thread(mosquitto.start)
            # Who listens is there before who speaks: a broker without persistence keeps nothing for those who are not.
            subscriber = await asyncio.to_thread(subscribe, mosquitto.port, options=AT_ONCE)
            await wire.mend()
            await until_received(subscriber, is_back)
            back_s.append(time.monotonic() - began)
            prints.append(footprint())
        speaking.cancel()
        await until(lambda: sink.health().queued == 0)
        await until_received(subscriber, lambda new: first_arrivals(received + new)["s1"][-1:] == [sent["s1"]])
        report = sink.health()
    received += await asyncio.to_thread(subscriber.finish)
    assert report.dropped == 0
    assert first_arrivals(received) == {stream: list(range(1, sent[stream] + 1)) for stream in STREAMS}
    measured(healed_s=max(back_s), lost=report.dropped)
    assert max(back_s) < 5
    threads, descriptors, megabytes = zip(*prints[3:], strict=True)
    assert max(threads) <= prints[2][0]
    assert max(descriptors) <= prints[2][1] + 2  # a connection may be in the making
    assert max(megabytes) < prints[2][2] + 20
