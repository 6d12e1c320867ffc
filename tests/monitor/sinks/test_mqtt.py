"""Events over a real wire: mosquitto or the embedded broker, and mosquitto_sub as a program of its own."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest

from core.errors import UsageError
from core.wire.events import decode
from core.wire.health import SinkHealth
from monitor.broker import EmbeddedBroker
from monitor.mqtt import connection
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.messages import Topics, availability_message
from tests.monitor.sinks.publishing import arrives, distinct, mqtt, numbers, until_received, until_state
from tests.mosquitto import Mosquitto, Subscriber, Wire, free_port
from tests.patience import until
from tests.sample_events import drop, error, health, level, note, state, tokens, utterance

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[3]

MakeMosquitto = Callable[..., Mosquitto]
Subscribe = Callable[..., Subscriber]


@dataclass(frozen=True)
class Broker:
    """A running broker of either kind, and how mosquitto_sub gets in."""

    address: BrokerAddress
    port: int
    version: str = "5"
    login: tuple[str, ...] = ()


@pytest.fixture(params=["mosquitto", "embedded"])
async def broker(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Broker]:
    """Both kinds; a test that takes it shows that one in the place of the other changes nothing."""
    if request.param == "mosquitto":
        mosquitto: Mosquitto = request.getfixturevalue("mosquitto")
        yield Broker(mosquitto.address, mosquitto.port)
        return
    async with EmbeddedBroker(runtime=tmp_path) as embedded:
        address = embedded.address
        login = ("-u", address.user or "", "-P", address.password or "")
        yield Broker(address, embedded.ports.mqtt311, "311", login)


async def test_every_finished_utterance_arrives_once_and_in_order(broker, subscribe):
    subscriber = subscribe(broker.port, "emotion/desk/#", version=broker.version, options=broker.login)
    async with mqtt(broker.address) as sink:
        for number in range(50):
            await sink.send(level())
            await sink.send(utterance(number, final=False, id=f"interim {number}"))
            await sink.send(utterance(number))
        await sink.send(drop())
        await arrives(subscriber, 1, "/error")  # all that came before it is here as well
    received = await arrives(subscriber, 50, "/s1/utterance")
    assert [decode(message.payload) for message in received] == [utterance(number) for number in range(50)]
    assert {(message.qos, message.retain) for message in received} == {(1, False)}
    await arrives(subscriber, 2, "/availability")
    assert subscriber.payloads("/availability") == ["online", "offline"]
    assert len([message for message in subscriber.received if not message.topic.endswith("/claim")]) == 50 + 1 + 2
    assert sink.health() == SinkHealth(name="mqtt", state="closed", detail="closed", queued=0, dropped=0)


async def test_who_comes_late_finds_availability_state_and_health_but_no_old_utterance(broker, subscribe):
    early = subscribe(broker.port, "emotion/#", version=broker.version, options=broker.login)
    newest = state(2)
    report = health(uptime_s=20.0)
    async with mqtt(broker.address) as sink:
        for event in (utterance(1), state(1), newest, health(uptime_s=0.5), report, error()):
            await sink.send(event)
        await arrives(early, 1, "/error")
        late = subscribe(broker.port, "emotion/#", version=broker.version, options=broker.login)
        await arrives(late, 1, "/availability")
        await arrives(late, 1, "/state")
        await arrives(late, 1, "/health")
        await sink.send(utterance(3))
        assert numbers(await arrives(late, 1, "/utterance")) == [3]
    retained = {message.topic: message.payload for message in late.received if message.retain}
    assert retained.pop("emotion/desk/availability") == "online"
    assert {topic: decode(payload) for topic, payload in retained.items()} == {
        "emotion/desk/s1/state": newest,
        "emotion/desk/health": report,
    }


async def test_health_is_published_at_its_interval_and_at_once_when_a_part_changes(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port, "emotion/desk/health")
    reports = [
        health(uptime_s=1),
        health(uptime_s=2),
        health(uptime_s=3, worker="busy"),
        health(uptime_s=4, stream_state="paused"),
        health(uptime_s=5, stream_state="paused"),
        health(uptime_s=14, stream_state="paused"),
    ]
    async with mqtt(mosquitto.address) as sink:
        for number, report in enumerate(reports):
            await sink.send(report)
            if number in {0, 3, 5}:
                await arrives(subscriber, {0: 1, 3: 2, 5: 3}[number], "/health")
    assert [message.json["uptime_s"] for message in subscriber.received] == [1, 4, 14]


PUBLISHER = """
import asyncio, json, sys
from core.settings import MqttSettings
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.messages import Topics, availability_message
from monitor.sinks.mqtt import MqttSink
from tests.sample_events import utterance

async def main():
    async with MqttSink(MqttSettings(node="desk"), BrokerAddress(**json.load(sys.stdin))) as sink:
        await sink.send(utterance(1))
        await asyncio.Event().wait()

asyncio.run(main())
"""


def start_publisher(address: BrokerAddress) -> "subprocess.Popen[str]":
    publisher = subprocess.Popen([sys.executable, "-c", PUBLISHER], stdin=subprocess.PIPE, cwd=ROOT, text=True)
    assert publisher.stdin
    publisher.stdin.write(json.dumps(asdict(address)))
    publisher.stdin.close()
    return publisher


async def test_after_kill_9_the_broker_says_offline(broker, subscribe):
    subscriber = subscribe(broker.port, "emotion/#", version=broker.version, options=broker.login)
    publisher = start_publisher(broker.address)
    try:
        await arrives(subscriber, 1, "/utterance")
        assert subscriber.payloads("/availability") == ["online"]
    finally:
        publisher.kill()
        publisher.wait()
    await arrives(subscriber, 2, "/availability")
    assert subscriber.payloads("/availability") == ["online", "offline"]
    late = subscribe(broker.port, "emotion/#", version=broker.version, options=broker.login)
    assert [message.payload for message in await arrives(late, 1, "/availability")] == ["offline"]


async def test_no_event_is_lost_while_the_connection_is(broker, subscribe):
    subscriber = subscribe(broker.port, "emotion/#", version=broker.version, options=broker.login)
    async with Wire(broker.address.port) as wire, mqtt(replace(broker.address, port=wire.port)) as sink:
        for number in range(10):
            await sink.send(utterance(number))
        await arrives(subscriber, 5, "/utterance")
        await wire.cut()
        health = await until_state(sink, "degraded")
        assert f"({wire.url})" in health.detail
        for number in range(10, 20):
            await sink.send(utterance(number))
        assert sink.health().queued >= 10
        await wire.mend()
        await until_received(subscriber, lambda received: len(distinct(received)) == 20)
    assert distinct(subscriber.received) == list(range(20))
    assert sink.health().dropped == 0


async def test_a_broker_killed_and_restarted_in_mid_stream_loses_no_event(make_mosquitto, subscribe, tmp_path):
    # It keeps the subscriber's session on disk: what it has accepted, it delivers. What it has not, is up to us.
    (tmp_path / "kept").mkdir()
    mosquitto = make_mosquitto(
        "persistence true", f"persistence_location {tmp_path}/kept/", "autosave_interval 1", "autosave_on_changes true"
    )
    subscriber = subscribe(mosquitto.port, "emotion/#", options=("-c", "-i", "subscriber"))
    async with mqtt(mosquitto.address) as sink:
        for number in range(40):
            await sink.send(utterance(number))
        await arrives(subscriber, 10, "/utterance")
        mosquitto.kill()
        await until_state(sink, "degraded")
        for number in range(40, 80):
            await sink.send(utterance(number))
        await asyncio.to_thread(mosquitto.start)
        for number in range(80, 100):
            await sink.send(utterance(number))
        await until_received(subscriber, lambda received: len(distinct(received)) == 100)
    assert distinct(subscriber.received) == list(range(100))
    assert sink.health().dropped == 0


async def test_a_broker_that_has_forgotten_everything_is_told_again(mosquitto, subscribe):
    async with mqtt(mosquitto.address) as sink:
        newest = state(2)
        report = health()
        for event in (state(1), newest, report, utterance(1)):
            await sink.send(event)
        await until(lambda: sink.health().queued == 0)
        mosquitto.kill()
        await until_state(sink, "degraded")
        await asyncio.to_thread(mosquitto.start)
        await until_state(sink, "ok")
        subscriber = subscribe(mosquitto.port)
        assert [message.payload for message in await arrives(subscriber, 1, "/availability")] == ["online"]
        assert [decode(message.payload) for message in await arrives(subscriber, 1, "/state")] == [newest]
        assert [decode(message.payload) for message in await arrives(subscriber, 1, "/health")] == [report]
        assert subscriber.payloads("/utterance") == []


async def test_after_a_lost_connection_online_comes_first_then_state_and_health_then_the_backlog(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)
    async with Wire(mosquitto.port) as wire:
        await wire.cut()
        async with mqtt(wire.address) as sink:
            await until_state(sink, "degraded")
            for event in (utterance(1), state(), utterance(2), health(), drop()):
                await sink.send(event)
            await wire.mend()
            await arrives(subscriber, 1, "/error")
        await arrives(subscriber, 2, "/availability")
    assert [message.topic.rpartition("/")[2] for message in subscriber.received] == (
        ["claim", "availability", "state", "health", "utterance", "utterance", "error", "state", "availability"]
    )


async def test_without_a_broker_the_sink_is_degraded_and_bounded_and_delivers_the_newest_later(mosquitto, subscribe):
    async with Wire(mosquitto.port) as wire:
        await wire.cut()
        async with mqtt(wire.address, queue=10) as sink:
            for number in range(25):
                await sink.send(utterance(number))
            report = await until_state(sink, "degraded")
            assert report.detail == f"broker unreachable: Connection refused ({wire.url}); lost: 15 queue full"
            assert (report.queued, report.dropped) == (10, 15)
            subscriber = subscribe(mosquitto.port)
            await wire.mend()
            assert numbers(await arrives(subscriber, 10, "/utterance")) == list(range(15, 25))
            report = await until_state(sink, "ok")
            assert report.detail == f"connected {wire.url} (MQTT 5); lost: 15 queue full"
            await until(lambda: sink.health().queued == 0)
            assert sink.health().dropped == 15


async def test_closing_without_a_broker_is_quick_and_counts_what_is_lost():
    address = BrokerAddress(host="127.0.0.1", port=free_port())
    async with mqtt(address) as sink:
        await sink.send(utterance(1))
        await sink.send(state())
        await until_state(sink, "degraded")
        before = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - before < 5
    assert sink.health() == SinkHealth(
        name="mqtt", state="closed", detail="closed; lost: 1 not delivered", queued=0, dropped=1
    )


async def test_closing_delivers_what_is_queued_even_when_the_broker_has_only_just_come(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)
    async with mqtt(mosquitto.address) as sink:
        for number in range(20):
            await sink.send(utterance(number))
    assert numbers(await arrives(subscriber, 20, "/utterance")) == list(range(20))
    assert sink.health().dropped == 0


async def test_a_broker_that_stops_answering_does_not_hold_up_closing_and_says_offline(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)
    async with Wire(mosquitto.port) as wire:
        async with mqtt(wire.address, drain_s=0.1) as sink:
            await arrives(subscriber, 1, "/availability")
            wire.swallow_answers()
            await sink.send(utterance(1))
            await sink.send(utterance(2))
        await arrives(subscriber, 2, "/availability")
    assert subscriber.payloads("/availability") == ["online", "offline"]
    assert sink.health().dropped == 2


async def test_closing_does_not_wait_for_a_connection_that_is_still_being_made(monkeypatch):
    monkeypatch.setattr(connection, "ANSWER_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
        async with mqtt(BrokerAddress(host="127.0.0.1", port=silent.getsockname()[1]), drain_s=0.1) as sink:
            await sink.send(utterance(1))
            connecting = sink._task
        assert not connecting.done()
        assert sink.health().state == "closed"
        assert sink.health().dropped == 1
        await connecting


async def test_an_event_whose_acknowledgement_is_lost_is_repeated_with_its_id(mosquitto, subscribe, monkeypatch):
    monkeypatch.setattr(connection, "ACKNOWLEDGE_S", 0.3)
    subscriber = subscribe(mosquitto.port)
    async with Wire(mosquitto.port) as wire, mqtt(wire.address) as sink:
        await arrives(subscriber, 1, "/availability")
        wire.swallow_answers()
        await sink.send(utterance(1))
        report = await until_state(sink, "degraded")
        assert report.detail.startswith("the broker has not answered for ")
        wire.swallow_answers(swallow=False)
        await sink.send(utterance(2))
        await arrives(subscriber, 3, "/utterance")
        await until(lambda: sink.health().queued == 0)
    received = await arrives(subscriber, 3, "/utterance")
    assert numbers(received) == [1, 1, 2]
    assert len({decode(message.payload).id for message in received}) == 2


async def test_properties_tell_schema_model_type_and_expiry(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)
    async with mqtt(mosquitto.address) as sink:
        for event in (utterance(1), state(valid_s=100), health(), drop(), error()):
            await sink.send(event)
        await arrives(subscriber, 2, "/error")
    common = {"content-type": "application/json", "payload-format-indicator": 1}
    found = {message.topic.rpartition("/")[2]: message.properties for message in subscriber.received if message.payload}
    assert found["claim"].pop("message-expiry-interval") <= 10
    assert 0 < found["state"].pop("message-expiry-interval") <= 100
    assert found == {
        "availability": {"content-type": "text/plain", "payload-format-indicator": 1},
        "claim": {**common, "user-properties": {"schema": "emotion-monitor/claim/1"}},
        "utterance": {
            **common,
            "message-expiry-interval": 3600,
            "user-properties": {"schema": "emotion-monitor/utterance/1", "model": "ltu-as-mini"},
        },
        "state": {**common, "user-properties": {"schema": "emotion-monitor/state/1"}},
        "health": {**common, "user-properties": {"schema": "emotion-monitor/health/1", "model": "ltu-as-mini"}},
        "error": {
            **common,
            "message-expiry-interval": 3600,
            "user-properties": {"schema": "emotion-monitor/error/1"},
        },
    }


async def test_a_void_state_is_gone_from_the_broker(mosquitto, subscribe):
    early = subscribe(mosquitto.port)
    async with mqtt(mosquitto.address) as sink:
        await sink.send(state(valid_s=3.0))
        await sink.send(error())
        await arrives(early, 1, "/error")
        await asyncio.sleep(4.1)  # mosquitto counts in whole seconds
        late = subscribe(mosquitto.port)
        await sink.send(error())
        await arrives(late, 1, "/error")
    await arrives(early, 2, "/state")
    assert [bool(payload) for payload in early.payloads("/state")] == [True, False]  # an empty one clears it
    assert [payload for payload in late.payloads("/state") if payload] == []


# What a broker answers to MQTT 5 when it knows only 3.1.1: in its own format, or in that of MQTT 5.
@pytest.mark.parametrize("refusal", [b"\x20\x02\x00\x01", b"\x20\x03\x00\x84\x00"])
async def test_a_broker_that_refuses_mqtt_5_is_spoken_to_in_3_1_1(mosquitto, subscribe, refusal):
    subscriber = subscribe(mosquitto.port)
    async with Wire(mosquitto.port, refuse_mqtt5=refusal) as wire:
        async with mqtt(wire.address) as sink:
            await sink.send(utterance(1))
            await sink.send(state())
            [message] = await arrives(subscriber, 1, "/utterance")
            assert decode(message.payload) == utterance(1)
            assert message.properties == {}
            assert sink.health().detail == f"connected {wire.url} (MQTT 3.1.1)"
            await wire.cut()
            await until_state(sink, "degraded")
            before = wire.connections
            await wire.mend()
            await until_state(sink, "ok")
            assert wire.connections == before + 1  # it does not ask again
        await arrives(subscriber, 4, "/availability")


async def test_a_broker_that_leaves_mqtt_5_unanswered_is_spoken_to_in_3_1_1(tmp_path, monkeypatch):
    monkeypatch.setattr(connection, "ANSWER_S", 0.5)
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        only_311 = replace(broker.address, port=broker.ports.mqtt311)
        async with mqtt(only_311) as sink:
            assert "no answer from the broker" in (await until_state(sink, "degraded")).detail
            assert "MQTT 3.1.1" in (await until_state(sink, "ok")).detail


@pytest.fixture
def guarded(make_mosquitto: MakeMosquitto, tmp_path: Path) -> Mosquitto:
    """A mosquitto with one user, ann, who may write only some topics."""
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "ann", "s3cret"], check=True, capture_output=True)
    rights = tmp_path / "rights"
    rights.write_text("user ann\ntopic read #\ntopic write emotion/desk/availability\ntopic write emotion/desk/error\n")
    return make_mosquitto(f"password_file {passwords}", f"acl_file {rights}", anonymous=False)


@pytest.mark.parametrize("password", ["wrong", None])
async def test_a_wrong_password_is_said_to_be_wrong_and_never_shown(guarded, password, caplog):
    async with mqtt(replace(guarded.address, user="ann", password=password)) as sink:
        report = await until_state(sink, "degraded")
    assert report.detail == f"wrong password, or no permission ({guarded.url})"
    assert "s3cret" not in caplog.text


async def test_a_message_that_the_broker_refuses_is_counted_and_named(guarded, subscribe):
    login = ("-u", "ann", "-P", "s3cret")
    subscriber = subscribe(guarded.port, options=login)
    async with mqtt(replace(guarded.address, user="ann", password=login[-1])) as sink:
        await sink.send(utterance(1))
        report = await until_state(sink, "degraded")
        assert report.detail == "the broker refuses emotion/desk/s1/utterance: Not authorized; lost: 1 refused"
        assert report.dropped == 1
        await sink.send(drop())
        await arrives(subscriber, 1, "/error")
        assert sink.health().state == "degraded"
    assert subscriber.payloads("/utterance") == []


async def test_a_host_name_that_no_resolver_takes_is_a_degraded_state():
    async with mqtt(BrokerAddress(host="a" * 70, port=1883), drain_s=0.1) as sink:
        assert (await until_state(sink, "degraded")).detail.startswith("broker unreachable: ")


async def test_a_failing_part_of_the_node_shows_as_degraded_until_it_works_again(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port, "emotion/desk/availability")
    async with mqtt(mosquitto.address) as sink:
        await arrives(subscriber, 1, "/availability")
        for number, worker in enumerate(("ready", "restarting", "restarting", "ready"), start=1):
            await sink.send(health(worker=worker))
            if number == 2:
                await arrives(subscriber, 2, "/availability")
        await arrives(subscriber, 3, "/availability")
    await arrives(subscriber, 4, "/availability")
    assert subscriber.payloads("/availability") == ["online", "degraded", "online", "offline"]


async def test_the_late_will_of_an_earlier_connection_does_not_leave_us_offline(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port, "emotion/desk/availability")
    async with mqtt(mosquitto.address):
        await arrives(subscriber, 1, "/availability")
        async with connection.Connector(mosquitto.address, client_id="earlier", keepalive_s=15).connect() as earlier:
            await earlier.publish(availability_message("offline", Topics("emotion", "desk")), time.time())
        await arrives(subscriber, 3, "/availability")
    await arrives(subscriber, 4, "/availability")
    assert subscriber.payloads("/availability") == ["online", "offline", "online", "offline"]


def test_a_base_that_is_no_topic_is_refused_before_anything_starts():
    with pytest.raises(UsageError, match=r"mqtt\.base"):
        mqtt(BrokerAddress(host="localhost", port=1883), base="emotion/#")


async def test_notes_arrive_always_and_tokens_and_levels_where_details_are_wanted(broker, subscribe):
    for details in (False, True):
        node = f"desk{int(details)}"
        subscriber = subscribe(broker.port, f"emotion/{node}/#", version=broker.version, options=broker.login)
        async with mqtt(broker.address, node=node, details=details) as sink:
            await until_state(sink, "ok")
            for number in range(1, 4):
                await sink.send(utterance(number))
                await sink.send(tokens(number))
                await sink.send(level())
            await sink.send(note())
        await arrives(subscriber, 1, "/note")
        told = [message for message in subscriber.received if message.topic.endswith("/tokens")]
        assert [decode(message.payload) for message in told] == ([tokens(n) for n in (1, 2, 3)] if details else [])
        levels = [message for message in subscriber.received if message.topic.endswith("/level")]
        assert [message.retain for message in levels] == ([False] if details else [])
        if broker.version == "5":  # the embedded one delivers with the QoS of the subscription
            assert {message.qos for message in levels} <= {0}


async def test_levels_are_said_four_times_a_second_at_most_and_never_kept_for_later(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port, "emotion/desk/#")
    async with mqtt(mosquitto.address, details=True) as sink:
        await until_state(sink, "ok")
        began_s = time.monotonic()
        for _ in range(100):
            await sink.send(level())
            await asyncio.sleep(0.01)
        levels, lasted_s = len(await arrives(subscriber, 3, "/level")), time.monotonic() - began_s
        mosquitto.kill()
        await until_state(sink, "degraded")
        queued = sink.health().queued
        await sink.send(replace(level(), at_s=99.0))
        assert (sink.health().queued, sink.health().dropped) == (queued, 0)
        mosquitto.start()
        await until_state(sink, "ok")
        later = subscribe(mosquitto.port, "emotion/desk/#")
        sink.muted = True
        await sink.send(replace(level(), at_s=98.0))
        sink.muted = False
        await asyncio.sleep(0.3)
        await sink.send(replace(level(), at_s=97.0))
        (heard,) = await arrives(later, 1, "/level")
        assert decode(heard.payload).at_s == 97.0
    assert 3 <= levels <= 4 * lasted_s + 2
