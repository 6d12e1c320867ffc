"""The publishing program itself is killed in mid-stream, again and again, while the broker is up."""

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.monitor.sinks.publishing import distinct, mqtt, until_received
from tests.patience import until

pytestmark = [pytest.mark.system, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
KILLS = 4

PUBLISHER = """
import asyncio, sys
from core.settings import MqttSettings
from monitor.mqtt.address import BrokerAddress
from monitor.sinks.mqtt import MqttSink
from tests.sample_events import utterance

async def main(port, outbox, number):
    settings = MqttSettings(node="desk", outbox=outbox)
    async with MqttSink(settings, BrokerAddress(host="127.0.0.1", port=port), reconnect_s=(0.02, 0.2)) as sink:
        while True:
            for _ in range(5):
                number += 1
                await sink.send(utterance(number))
            # From here on they are safe: on disk, or with the broker.
            while sink._outbox.unsaved:
                await asyncio.sleep(0.0005)
            print(number, flush=True)

asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
"""


def live_and_die(*arguments: str) -> int:
    """Runs a publisher until it is killed at some moment; the number of the last event that was safe by then."""
    with subprocess.Popen([sys.executable, "-c", PUBLISHER, *arguments], stdout=subprocess.PIPE, cwd=ROOT) as publisher:
        assert publisher.stdout
        first = publisher.stdout.readline()
        try:
            publisher.wait(random.uniform(0.01, 0.5))  # noqa: S311
        except subprocess.TimeoutExpired:
            publisher.kill()
        return int([first, *publisher.stdout.readlines()][-1])


@pytest.mark.fault(6, "kill -9 of the publisher, broker up")
async def test_what_was_safe_is_delivered_and_in_order_however_often_the_program_dies(
    mosquitto, subscribe, measured, tmp_path
):
    outbox = str(tmp_path / "outbox")
    subscriber = subscribe(mosquitto.port, "emotion/desk/+/utterance")
    safe: list[range] = []
    for life in range(KILLS):
        first = life * 1_000_000
        last = await asyncio.to_thread(live_and_die, str(mosquitto.port), outbox, str(first))
        safe.append(range(first + 1, last + 1))
    async with mqtt(mosquitto.address, outbox=outbox) as sink:
        await until(lambda: sink.health().state == "ok" and sink.health().queued == 0)
        must_come = {number for numbers in safe for number in numbers}
        await until_received(subscriber, lambda received: must_come <= set(distinct(received)))
    numbers = distinct(subscriber.received)
    assert numbers == sorted(numbers)
    assert all(numbers)
    measured(lost=len(must_come - set(numbers)))
