"""How soon and how fast events reach a subscriber, with the outbox on: mosquitto on loopback, a process each.

    python -m benchmarks.mqtt_latency [--events N] [--per-second N] [--backlog N] [--live N]

Needs mosquitto. Printed are the times from `MqttSink.send` to the subscriber, paced; events a second when an earlier
run has left a backlog; and what waits while events come at a steady rate, sized as a reading is. Beside it stands what
the disk does: the time of a synced write of a page.
"""

import argparse
import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import aiomqtt

from core.settings import MqttSettings
from monitor.mqtt.address import BrokerAddress
from monitor.sinks.mqtt import MqttSink
from tests.mosquitto import Mosquitto, free_port
from tests.sample_events import utterance

NODE = "bench"


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=1000, help="of the paced run")
    parser.add_argument("--per-second", type=float, default=50.0)
    parser.add_argument("--backlog", type=int, default=10_000, help="events that an earlier run has left")
    parser.add_argument("--live", type=int, default=10_000, help="events of the steady run, 1,000 a second")
    arguments = parser.parse_args()
    arguments.live -= arguments.live % 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(
            f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs; synced write of 4 KiB: {_sync_ms(folder):.1f} ms"
        )
        broker = Mosquitto(folder, "max_queued_messages 0").start()
        try:
            asyncio.run(_measure(arguments, broker, folder))
        finally:
            broker.kill()


async def _measure(arguments: argparse.Namespace, broker: Mosquitto, folder: Path) -> None:
    with Subscriber(broker.port, arguments.events) as subscriber:
        async with _sink(broker.address, folder / "paced") as sink:
            sent = await _send(sink, arguments.events, arguments.per_second)
            received = await subscriber.times()
        latencies_ms = sorted((received[seq] - at) * 1000 for seq, at in sent.items())
        cuts = statistics.quantiles(latencies_ms, n=100)
        print(
            f"send to subscriber, {arguments.per_second:g} events/s: p50 {cuts[49]:.2f} ms, p99 {cuts[98]:.2f} ms, "
            f"longest {latencies_ms[-1]:.1f} ms ({len(latencies_ms)} events)"
        )
    path = folder / "backlog"
    async with _sink(BrokerAddress(host="127.0.0.1", port=free_port()), path) as sink:
        await _send(sink, arguments.backlog, 1e9)
    with Subscriber(broker.port, arguments.backlog) as subscriber:
        began = time.monotonic()
        async with _sink(broker.address, path) as sink:
            await _until(lambda: sink.health().queued == 0)
            acknowledged = time.monotonic()
            received = await subscriber.times()
        rate = arguments.backlog / (acknowledged - began)
        print(
            f"backlog of {arguments.backlog}: {rate:.0f} events/s to the broker from start to last acknowledgement, "
            f"{arguments.backlog / (max(received.values()) - began):.0f} events/s to the subscriber"
        )
    with Subscriber(broker.port, arguments.live) as subscriber:
        async with _sink(broker.address, folder / "steady") as sink:
            sending = asyncio.create_task(_send(sink, arguments.live, 1000.0))
            began, waited = time.monotonic(), []
            while not sending.done():
                await asyncio.sleep(0.05)
                waited.append(sink.health().queued)
            took = time.monotonic() - began
            await _until(lambda: sink.health().queued == 0)
            lag_s = time.monotonic() - began - took
            await subscriber.times()
        print(
            f"{arguments.live / took:.0f} events/s for {took:.0f} s: {statistics.median(waited):.0f} waited usually, "
            f"{max(waited)} at most; all were acknowledged {lag_s * 1000:.0f} ms after the last was sent, "
            f"{sink.health().dropped} lost"
        )


def _sink(address: BrokerAddress, outbox: Path) -> MqttSink:
    settings = MqttSettings(node=NODE, outbox=str(outbox), queue=1_000_000, queue_bytes=1_000_000_000)
    return MqttSink(settings, address, drain_s=0.5)


async def _send(sink: MqttSink, count: int, per_second: float) -> dict[int, float]:
    """Sends events at a pace; their numbers to when each was sent."""
    sent = {}
    began = time.monotonic()
    template = utterance(0)
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / per_second - time.monotonic()))
        event = replace(template, seq=number)
        sent[number] = time.monotonic()
        await sink.send(event)
    return sent


class Subscriber:
    """A process that notes when each of `count` events arrives; monotonic time is the same for all processes."""

    def __init__(self, port: int, count: int) -> None:
        self._ours, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_subscribe, args=(port, count, theirs), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._ours.recv()  # it has subscribed
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    async def times(self) -> dict[int, float]:
        """Number of each event to when it arrived first, once all are there."""
        return await asyncio.to_thread(self._ours.recv)  # type: ignore[no-any-return]


def _subscribe(port: int, count: int, pipe: Connection) -> None:
    async def run() -> None:
        times: dict[int, float] = {}
        async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
            await client.subscribe(f"emotion/{NODE}/+/utterance", qos=1)
            pipe.send("subscribed")
            async for message in client.messages:
                now = time.monotonic()
                seq = int(bytes(message.payload).partition(b'"seq":')[2].partition(b",")[0])
                times.setdefault(seq, now)
                if len(times) == count:
                    break
        pipe.send(times)

    asyncio.run(run())


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def _sync_ms(folder: Path) -> float:
    times = []
    with (folder / "synced").open("wb") as file:
        for _ in range(20):
            began = time.monotonic()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            times.append((time.monotonic() - began) * 1000)
    return statistics.median(times)


if __name__ == "__main__":
    main()
