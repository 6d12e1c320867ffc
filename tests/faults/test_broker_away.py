"""The broker is away for ten seconds, and everything is as users get it: no times are shortened for the test."""

import asyncio
import time

import pytest

from core.settings import MqttSettings
from monitor.sinks.mqtt import MqttSink
from tests.monitor.sinks.publishing import distinct, until_received
from tests.patience import until
from tests.sample_events import state, utterance

pytestmark = [pytest.mark.system, pytest.mark.faults, pytest.mark.slow]

AWAY_S = 10.0


@pytest.mark.fault(1, "kill -9 of mosquitto, three times, persistence off")
async def test_after_ten_seconds_without_broker_the_node_is_back_within_five(
    make_mosquitto, subscribe, measured, tmp_path
):
    mosquitto = make_mosquitto()
    settings = MqttSettings(node="desk", outbox=str(tmp_path / "outbox"))
    async with MqttSink(settings, mosquitto.address) as sink:
        await sink.send(state(1))
        await until(lambda: sink.health().state == "ok")
        for round_ in range(3):
            mosquitto.kill()
            died = time.monotonic()
            await until(lambda: sink.health().state == "degraded")
            measured(detected_s=time.monotonic() - died)
            for number in range(10 * round_, 10 * round_ + 10):
                await sink.send(utterance(number))
                await asyncio.sleep(AWAY_S / 10)
            assert time.monotonic() - died >= AWAY_S
            began = time.monotonic()
            await asyncio.to_thread(mosquitto.start)
            subscriber = await asyncio.to_thread(subscribe, mosquitto.port)
            await until_received(subscriber, lambda _: "online" in subscriber.payloads("desk/availability"))  # noqa: B023
            await until_received(subscriber, lambda _: subscriber.payloads("s1/state") != [])  # noqa: B023
            assert time.monotonic() - began < 5
            measured(healed_s=time.monotonic() - began)
            await until(lambda: sink.health().queued == 0)
        assert sink.health().dropped == 0
        measured(lost=sink.health().dropped)
        await until_received(subscriber, lambda received: distinct(received)[-1:] == [29])
