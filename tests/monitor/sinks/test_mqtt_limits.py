"""A broker that takes less than others, as real ones do when their CONNACK says so."""

import asyncio

import pytest

from core.wire.events import decode
from monitor.mqtt.connection import Connector
from monitor.mqtt.messages import Message
from tests.monitor.sinks.publishing import arrives, distinct, mqtt, numbers, until_received, until_state
from tests.mosquitto import Wire
from tests.patience import until
from tests.sample_events import error, level, state, utterance

pytestmark = pytest.mark.system

REFUSES_MQTT5 = b"\x20\x02\x00\x01"
"""CONNACK of a broker that knows MQTT 3.1.1 only."""


async def test_what_is_too_large_for_the_broker_is_counted_named_and_skipped_and_the_rest_goes_on(
    make_mosquitto, subscribe, caplog
):
    broker = make_mosquitto("max_packet_size 2000")
    subscriber = subscribe(broker.port)
    retained = Message(topic="homeassistant/config", payload=b"{" + b" " * 2000 + b"}", retain=True)
    async with mqtt(broker.address, greetings=[retained]) as sink:
        await sink.send(utterance(1))
        await sink.send(utterance(2, transcript="x" * 2000))
        await sink.send(utterance(3))
        await sink.send(error())
        await arrives(subscriber, 1, "/error")
        await until(lambda: sink.health().queued == 0)
        report = sink.health()
        assert (report.state, report.dropped) == ("degraded", 1)
        assert "'homeassistant/config' cannot be published: 20" in report.detail
        assert report.detail.endswith(" bytes are more than the broker takes (2000); lost: 1 too large")
        assert "'emotion/desk/s1/utterance' cannot be published" in caplog.text
    await arrives(subscriber, 2, "/availability")
    assert numbers(subscriber.received) == [1, 3]
    assert subscriber.payloads("/availability") == ["online", "offline"], "one connection was enough"


async def test_what_is_too_large_for_a_broker_without_words_for_it_is_counted_named_and_skipped(
    make_mosquitto, subscribe, caplog, monkeypatch
):
    monkeypatch.setattr("monitor.mqtt.exchange.LIVES_S", 0.05)
    broker = make_mosquitto("max_packet_size 2000")
    subscriber = subscribe(broker.port)
    async with Wire(broker.port, refuse_mqtt5=REFUSES_MQTT5) as wire, mqtt(wire.address) as sink:
        await sink.send(utterance(1))
        await sink.send(utterance(2, transcript="x" * 5000))
        await sink.send(utterance(3))
        await until_received(subscriber, lambda received: 3 in numbers(received))
        await until(lambda: sink.health().queued == 0)
        await sink.send(utterance(4, transcript="x" * 6000))
        await sink.send(utterance(5))
        await until_received(subscriber, lambda received: 5 in numbers(received))
        report = sink.health()
        assert report.dropped == 2
        assert report.detail.endswith("lost: 2 too large")
        assert "'emotion/desk/s1/utterance' cannot be published: 5" in caplog.text
        assert "3 times in a row the broker has ended the connection at a message of 5" in caplog.text
        connections = wire.connections
        await sink.send(utterance(6))
        await until_received(subscriber, lambda received: 6 in numbers(received))
        assert wire.connections == connections, "it does not loop"
    assert distinct(subscriber.received) == [1, 3, 5, 6]


async def test_a_retained_message_that_is_too_large_for_such_a_broker_keeps_nothing_else_away(
    make_mosquitto, subscribe, monkeypatch
):
    monkeypatch.setattr("monitor.mqtt.exchange.LIVES_S", 0.05)
    broker = make_mosquitto("max_packet_size 2000")
    subscriber = subscribe(broker.port)
    retained = Message(topic="homeassistant/config", payload=b"{" + b" " * 2000 + b"}", retain=True)
    async with (
        Wire(broker.port, refuse_mqtt5=REFUSES_MQTT5) as wire,
        mqtt(wire.address, greetings=[retained]) as sink,
    ):
        await sink.send(utterance(1))
        await arrives(subscriber, 1, "/utterance")
        await until_state(sink, "degraded")
        assert "'homeassistant/config' cannot be published: 2022 bytes" in sink.health().detail
    assert distinct(subscriber.received) == [1]


async def test_a_network_that_fails_again_and_again_loses_no_large_message(make_mosquitto, subscribe, monkeypatch):
    monkeypatch.setattr("monitor.mqtt.exchange.LIVES_S", 0.2)
    broker = make_mosquitto()
    subscriber = subscribe(broker.port)
    async with Wire(broker.port) as wire, mqtt(wire.address) as sink:
        await until_state(sink, "ok")
        wire.swallow_answers()
        await sink.send(utterance(1, transcript="x" * 5000))
        for connection in range(2, 6):
            await wire.cut()
            wire.swallow_answers(swallow=False)
            await wire.mend()
            await until(lambda number=connection: wire.connections >= number)
            await asyncio.sleep(0.02)  # shorter than a connection has to live until the message is tried
        await arrives(subscriber, 1, "/utterance")
        assert sink.health().dropped == 0


async def test_the_largest_packet_that_the_broker_takes_arrives(make_mosquitto, subscribe):
    broker = make_mosquitto("max_packet_size 2000")
    subscriber = subscribe(broker.port, "greeting")
    async with mqtt(broker.address) as sink:
        await until_state(sink, "ok")
        overhead = 1 + 2 + 2 + len("greeting") + 2 + 1 + 2 + 3 + len("text/plain")  # MQTT 5, sections 2.1 and 3.3
        for size in (2000 - overhead, 2001 - overhead):
            sink._push(Message(topic="greeting", payload=b" " * size, retain=True))
            await until(lambda: not sink._outgoing._unsent)
        await until_state(sink, "degraded")
    assert [len(message.payload) for message in await arrives(subscriber, 1, "greeting")] == [2000 - overhead]


async def test_a_level_that_is_too_large_for_the_broker_costs_no_connection(make_mosquitto, subscribe):
    broker = make_mosquitto("max_packet_size 250")
    subscriber = subscribe(broker.port, "emotion/desk/availability")
    async with mqtt(broker.address, details=True) as sink:
        await arrives(subscriber, 1, "/availability")
        await until_state(sink, "ok")
        await sink.send(level())
        assert "/level' cannot be published" in sink.health().detail
        assert sink.health().detail.endswith("lost: 1 too large")
    await arrives(subscriber, 2, "/availability")
    assert subscriber.payloads("/availability") == ["online", "offline"]


async def test_no_more_is_in_flight_than_the_broker_takes(make_mosquitto, subscribe):
    broker = make_mosquitto("max_inflight_messages 3")
    subscriber = subscribe(broker.port)
    async with Wire(broker.port) as wire, mqtt(wire.address, drain_s=0.1) as sink:
        await sink.send(utterance(0))
        await arrives(subscriber, 1, "/utterance")
        await until(lambda: sink.health().queued == 0)
        wire.swallow_answers()
        for number in range(1, 11):
            await sink.send(utterance(number))
        await arrives(subscriber, 4, "/utterance")
        await asyncio.sleep(0.1)  # for more, if there are
        async with Connector(broker.address, client_id="marker", keepalive_s=15).connect() as other:
            await other.publish(Message(topic="marker", payload=b""), 0)
        await arrives(subscriber, 1, "marker")
        assert numbers(subscriber.received) == [0, 1, 2, 3]


async def test_what_waits_for_a_broker_that_takes_one_at_a_time_arrives_in_order(make_mosquitto, subscribe):
    broker = make_mosquitto("max_inflight_messages 1")
    subscriber = subscribe(broker.port)
    async with mqtt(broker.address) as sink:
        for number in range(50):
            await sink.send(utterance(number))
        assert numbers(await arrives(subscriber, 50, "/utterance")) == list(range(50))
    await arrives(subscriber, 2, "/availability")
    assert subscriber.payloads("/availability") == ["online", "offline"]


async def test_a_broker_that_keeps_nothing_gets_messages_and_a_will_that_are_not_to_be_kept(make_mosquitto, subscribe):
    broker = make_mosquitto("retain_available false")
    subscriber = subscribe(broker.port)
    newest = state()
    async with mqtt(broker.address) as sink:
        await sink.send(newest)
        await sink.send(utterance(1))
        await arrives(subscriber, 1, "/utterance")
        report = sink.health()
        assert (report.state, report.dropped) == ("ok", 0)
        assert "(MQTT 5); it keeps no retained messages" in report.detail
    assert [decode(message.payload) for message in await arrives(subscriber, 1, "/state") if message.payload] == [
        newest
    ]
    await arrives(subscriber, 2, "/availability")
    assert subscriber.payloads("/availability") == ["online", "offline"]


async def test_a_broker_of_qos_0_gets_it_and_what_that_means_is_said(make_mosquitto, subscribe):
    broker = make_mosquitto("max_qos 0")
    subscriber = subscribe(broker.port)
    async with mqtt(broker.address) as sink:
        for number in range(50):
            await sink.send(utterance(number))
        received = await arrives(subscriber, 50, "/utterance")
        await until(lambda: sink.health().queued == 0)
        report = sink.health()
        assert (report.state, report.dropped) == ("ok", 0)
        assert "it takes QoS 0 only" in report.detail
    assert numbers(received) == list(range(50))
    await arrives(subscriber, 2, "/availability")
    assert subscriber.payloads("/availability") == ["online", "offline"]
