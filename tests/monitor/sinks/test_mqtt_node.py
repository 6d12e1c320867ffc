"""A node as others see it: one monitor, nothing stale, commands, silence on request, what earlier runs have left."""

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import UsageError
from core.wire.claim import Claim, encode_claim
from core.wire.events import decode
from monitor.mqtt import connection, exchange
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.messages import Message
from monitor.sinks import mqtt as module
from tests.installed import need
from tests.monitor.sinks.publishing import arrives, distinct, mqtt, numbers, until_received, until_state
from tests.mosquitto import Subscriber, Wire, free_port
from tests.patience import until
from tests.sample_events import drop, error, health, state, utterance

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[3]


@pytest.fixture
def outbox(tmp_path: Path) -> str:
    """The file of a node."""
    return str(tmp_path / "outbox")


@pytest.mark.fault(17, "a second monitor of the node, three times")
async def test_a_second_monitor_of_a_node_does_not_start_and_the_first_does_not_notice(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)
    async with mqtt(mosquitto.address) as first:
        await until_state(first, "ok")
        for _ in range(3):
            with pytest.raises(UsageError, match="node desk runs already as process"):
                await mqtt(mosquitto.address).__aenter__()
        async with mqtt(mosquitto.address, node="kitchen") as other:
            await until_state(other, "ok")
        await first.send(utterance(1))
        await arrives(subscriber, 1, "/utterance")
        assert first.health().state == "ok"
    await until_received(subscriber, lambda _: subscriber.payloads("desk/availability")[-1:] == ["offline"])
    assert set(subscriber.payloads("desk/availability")[:-1]) == {"online"}


@pytest.mark.fault(17, "two that could not hear each other")
async def test_monitors_that_could_not_hear_each_other_at_first_are_one_once_they_can(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)
    async with Wire(mosquitto.port) as wire:
        await wire.cut()
        async with mqtt(wire.address) as early, mqtt(mosquitto.address) as late:
            await until_state(late, "ok")
            await late.send(state(1))
            await arrives(subscriber, 1, "/state")
            await wire.mend()
            await until_state(early, "degraded")  # the other holds the node, and it was the first to do so
            await until(lambda: "runs already" in early.health().detail)
            await late.send(utterance(1))
            await early.send(utterance(2))
            await arrives(subscriber, 1, "/utterance")
            assert late.health().state == "ok"
            assert early.health().detail.endswith("lost: 1 node taken")
            assert subscriber.payloads("desk/availability")[-1] == "online"
        await until_received(subscriber, lambda _: subscriber.payloads("desk/availability")[-1:] == ["offline"])
    assert numbers(subscriber.received) == [1]
    assert "offline" not in subscriber.payloads("desk/availability")[:-1]


async def test_of_two_that_have_both_held_the_node_the_later_one_leaves_without_a_trace(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)
    async with Wire(mosquitto.port) as wire, mqtt(wire.address) as early:
        await arrives(subscriber, 1, "/availability")
        await wire.cut()
        await until_state(early, "degraded")
        # The broker has seen to its will, so nothing tells the next that somebody has been here.
        await until_received(subscriber, lambda _: "offline" in subscriber.payloads("/availability"))
        async with mqtt(mosquitto.address) as late:
            await late.send(state(1, stream="late"))
            await arrives(subscriber, 1, "late/state")
            await wire.mend()
            await until_state(early, "ok")
            await until(lambda: "runs already" in late.health().detail)
        await early.send(utterance(1))
        await arrives(subscriber, 1, "/utterance")
        assert early.health().state == "ok"
        assert subscriber.payloads("late/state")[-1] == ""
        said = subscriber.payloads("/availability")
        assert said[:3] == ["online", "offline", "online"]
        assert set(said[2:]) == {"online"}


def forged_claim(subscriber: Subscriber) -> Message:
    """What silences the monitor that was heard: somebody holds its node, and has done so for ever."""
    (victim,) = {message.json["run"] for message in subscriber.received if message.topic.endswith("/claim")}
    claim = Claim(run="forged", since="0", holds=True, host="mars", pid=4, to=victim)
    return Message(topic="emotion/desk/claim", payload=encode_claim(claim))


async def forge(address: BrokerAddress, claim: Message) -> None:
    """Says it again and again until cancelled."""
    async with connection.Connector(address, client_id="forger", keepalive_s=15).connect() as publisher:
        while True:
            await publisher.publish(claim, 0)
            await asyncio.sleep(0.02)


async def test_a_forged_claim_silences_a_node_until_it_asks_again_and_nobody_is_there(
    mosquitto, subscribe, monkeypatch
):
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.1)
    monkeypatch.setattr(exchange, "OBJECT_S", 0.5)
    subscriber = subscribe(mosquitto.port)
    async with mqtt(mosquitto.address) as sink:
        await arrives(subscriber, 1, "/availability")
        forging = asyncio.create_task(forge(mosquitto.address, forged_claim(subscriber)))
        report = await until_state(sink, "degraded")
        assert "runs already as process 4 on mars" in report.detail
        await sink.send(utterance(1))
        forging.cancel()
        report = await until_state(sink, "ok")
        assert report.detail.endswith("lost: 1 node taken")
        await sink.send(utterance(2))
        assert numbers(await arrives(subscriber, 1, "/utterance")) == [2]
    await until_received(subscriber, lambda _: subscriber.payloads("/availability")[-1:] == ["offline"])
    assert "offline" not in subscriber.payloads("/availability")[:-1]


async def test_one_that_gave_up_its_node_stays_silent_while_the_other_is_there_and_follows_it(
    mosquitto, subscribe, monkeypatch
):
    monkeypatch.setattr(module, "ASK_AGAIN_S", 0.1)
    subscriber = subscribe(mosquitto.port)

    def asked(_: object) -> bool:
        claims = [message.json for message in subscriber.received if message.topic.endswith("/claim")]
        return sum(not claim["holds"] for claim in claims) >= 5

    async with Wire(mosquitto.port) as wire:
        await wire.cut()
        async with mqtt(wire.address) as early:
            async with mqtt(mosquitto.address) as late:
                await until_state(late, "ok")
                await wire.mend()
                await until(lambda: "runs already" in early.health().detail)
                await until_received(subscriber, asked)
                await late.send(utterance(1))
                await arrives(subscriber, 1, "/utterance")
                assert (early.health().state, late.health().state) == ("degraded", "ok")
                assert "offline" not in subscriber.payloads("desk/availability")
            await until_state(early, "ok")
            await early.send(utterance(2))
            assert numbers(await arrives(subscriber, 2, "/utterance")) == [1, 2]


async def test_a_run_after_a_killed_one_clears_its_state_even_where_messages_do_not_expire(mosquitto, subscribe):
    address = replace(mosquitto.address, properties=False)
    early = subscribe(mosquitto.port)
    async with Wire(mosquitto.port) as wire:
        killed = mqtt(replace(wire.address, properties=False), drain_s=0.1)
        async with killed:
            await killed.send(state(1, stream="killed"))
            await arrives(early, 1, "killed/state")
            wire.swallow_answers()
            await killed.send(utterance(1))
    late = subscribe(mosquitto.port)
    await arrives(late, 1, "killed/state")
    async with mqtt(address) as sink:
        await until_state(sink, "ok")
        await until_received(late, lambda _: late.payloads("killed/state")[-1:] == [""])
    nothing = subscribe(mosquitto.port)
    await arrives(nothing, 1, "/availability")
    assert nothing.payloads("/state") == []


async def test_closing_leaves_offline_and_no_state(mosquitto, subscribe):
    early = subscribe(mosquitto.port)
    async with mqtt(mosquitto.address) as sink:
        for stream in ("a", "b"):
            await sink.send(state(1, stream=stream))
        await sink.send(health())
        await arrives(early, 2, "/state")
    await until_received(early, lambda _: early.payloads("/availability")[-1:] == ["offline"])
    assert [message.topic for message in early.received if not message.payload] == [
        "emotion/desk/a/state",
        "emotion/desk/b/state",
    ]
    late = subscribe(mosquitto.port)
    await arrives(late, 1, "/health")
    assert {message.topic: bool(message.payload) for message in late.received} == {
        "emotion/desk/availability": True,
        "emotion/desk/health": True,
    }


async def test_while_muted_readings_and_drops_are_held_back_and_the_state_is_cleared(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)
    async with mqtt(mosquitto.address) as sink:
        await sink.send(state(1))
        await sink.send(utterance(1))
        await arrives(subscriber, 1, "/utterance")
        sink.muted = True
        for event in (utterance(2), utterance(2, final=False), state(2), drop(), error(), health(uptime_s=50)):
            await sink.send(event)
        await arrives(subscriber, 1, "/health")
        assert sink.muted
        assert sink.health().detail.endswith("; muted: 3 held back")
        assert [bool(payload) for payload in subscriber.payloads("/state")] == [True, False]
        sink.muted = False
        await sink.send(utterance(3))
        assert numbers(await arrives(subscriber, 2, "/utterance")) == [1, 3]
        assert len(subscriber.payloads("/error")) == 1
        assert sink.health().dropped == 0


async def test_greetings_come_after_online_and_before_state_on_every_connection(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)
    greetings = [Message(topic=f"homeassistant/{n}/config", payload=b"{}", retain=True) for n in range(2)]
    async with Wire(mosquitto.port) as wire, mqtt(wire.address, greetings=greetings) as sink:
        await sink.send(state(1))
        await arrives(subscriber, 1, "/state")
        await wire.cut()
        await until_state(sink, "degraded")
        await wire.mend()
        await arrives(subscriber, 2, "/state")
    topics = [message.topic.removeprefix("emotion/desk/") for message in subscriber.received]
    once = ["claim", "availability", "homeassistant/0/config", "homeassistant/1/config", "s1/state"]
    assert topics[:10] == once + once


class Echo:
    """Answers with what it was asked, when it is let."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.may_go_on = asyncio.Event()

    async def handle(self, message) -> Message | None:
        self.asked.append(message)
        if message.payload == b"fail":
            raise ZeroDivisionError
        await self.may_go_on.wait()
        topic = message.properties.ResponseTopic
        return Message(topic=topic, payload=message.payload, correlation=message.properties.CorrelationData)


def ask(port: int, *payloads: str, retain: bool = False) -> None:
    need("mosquitto_pub")
    properties = ["-D", "publish", "response-topic", "answers", "-D", "publish", "correlation-data", "42"]
    for payload in payloads:
        where = ["-p", str(port), "-V", "5", "-t", "emotion/desk/cmd", "-q", "1"]
        subprocess.run(["mosquitto_pub", *where, *properties, "-m", payload, *(["-r"] * retain)], check=True)


async def test_commands_are_handled_one_by_one_without_holding_up_events_and_answered(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)
    echo = Echo()
    async with mqtt(mosquitto.address, commands=echo) as sink:
        await asyncio.to_thread(ask, mosquitto.port, "fail", "one", "two")
        await until(lambda: len(echo.asked) == 2)
        await sink.send(utterance(1))
        await arrives(subscriber, 1, "/utterance")
        assert len(echo.asked) == 2
        echo.may_go_on.set()
        await arrives(subscriber, 2, "answers")
    answers = [message for message in subscriber.received if message.topic == "answers"]
    assert [message.payload for message in answers] == ["one", "two"]
    assert [message.properties["correlation-data"] for message in answers] == ["42", "42"]


async def test_a_retained_command_is_handed_on_as_such(mosquitto):
    ask(mosquitto.port, "old", retain=True)
    echo = Echo()
    async with mqtt(mosquitto.address, commands=echo):
        await until(lambda: len(echo.asked) == 1)
    assert echo.asked[0].retain


async def test_more_commands_than_can_wait_are_turned_away_and_counted(mosquitto):
    echo = Echo()
    async with mqtt(mosquitto.address, commands=echo) as sink:
        flood = connection.Connector(mosquitto.address, client_id="flood", keepalive_s=15)
        async with flood.connect() as publisher:
            for _ in range(100):
                await publisher.publish(Message(topic="emotion/desk/cmd", payload=b"x"), time.time())
        await until(lambda: "commands turned away: 35" in sink.health().detail)
        assert sink.health().state == "ok"


async def test_an_answer_that_no_broker_would_take_costs_nothing_but_itself(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port)

    class Careless:
        async def handle(self, message) -> Message | None:  # noqa: ARG002
            return Message(topic="a/#", payload=b"x")

    async with mqtt(mosquitto.address, commands=Careless()) as sink:
        await asyncio.to_thread(ask, mosquitto.port, "one")
        await until(lambda: sink.health().dropped == 1)
        await sink.send(utterance(1))
        await arrives(subscriber, 1, "/utterance")
    await arrives(subscriber, 2, "/availability")
    assert subscriber.payloads("/availability") == ["online", "offline"]


async def test_a_connection_that_is_back_soon_was_never_seen_to_be_gone(mosquitto, subscribe):
    subscriber = subscribe(mosquitto.port, "emotion/desk/availability")
    async with Wire(mosquitto.port) as wire, mqtt(wire.address) as sink:
        await arrives(subscriber, 1, "/availability")
        await wire.cut()
        await until_state(sink, "degraded")
        await wire.mend()
        await arrives(subscriber, 2, "/availability")
        await asyncio.sleep(connection.WILL_DELAY_S + 1)
    await arrives(subscriber, 3, "/availability")
    assert subscriber.payloads("/availability") == ["online", "online", "offline"]


async def test_a_broker_that_falls_silent_is_noticed_within_the_keepalive_time(mosquitto):
    async with Wire(mosquitto.port) as wire, mqtt(wire.address, keepalive_s=2) as sink:
        await until_state(sink, "ok")
        await asyncio.sleep(3)  # an idle broker that answers when asked is not silent
        assert sink.health().state == "ok"
        wire.swallow_answers()
        report = await until_state(sink, "degraded")
        assert "Keep alive timeout" in report.detail


async def test_what_one_run_could_not_publish_the_next_publishes_before_its_own(mosquitto, subscribe, outbox):
    nobody = BrokerAddress(host="127.0.0.1", port=free_port())
    async with mqtt(nobody, outbox=outbox) as sink:
        for number in range(5):
            await sink.send(utterance(number))
    assert sink.health().detail == "closed; kept for the next run: 5"
    assert sink.health().dropped == 0
    subscriber = subscribe(mosquitto.port)
    async with mqtt(mosquitto.address, outbox=outbox) as sink:
        await sink.send(utterance(5, stream="s2"))
        received = await arrives(subscriber, 6, "/utterance")
        await until(lambda: sink.health().queued == 0)
    assert [decode(message.payload) for message in received] == [
        *(utterance(number) for number in range(5)),
        utterance(5, stream="s2"),
    ]
    async with mqtt(mosquitto.address, outbox=outbox) as sink:
        await until_state(sink, "ok")
        assert sink.health().queued == 0


@pytest.mark.fault(16, "clock as read, 10 h on, while events wait")
async def test_what_waits_is_not_too_old_because_the_clock_was_set(mosquitto, subscribe, monkeypatch):
    subscriber, wall = subscribe(mosquitto.port), time.time
    async with Wire(mosquitto.port) as wire:
        await wire.cut()
        async with mqtt(wire.address) as sink:
            await until_state(sink, "degraded")
            await sink.send(utterance(1))
            await sink.send(state(1))
            monkeypatch.setattr(time, "time", lambda: wall() + 36_000)
            await wire.mend()
            await arrives(subscriber, 1, "/utterance")
            (shown,) = await arrives(subscriber, 1, "/state")
            assert 100 < shown.properties["message-expiry-interval"] <= 120
            assert sink.health().dropped == 0


RUN = """
import asyncio, sys
from core.settings import MqttSettings
from monitor.mqtt.address import BrokerAddress
from monitor.sinks.mqtt import MqttSink
from tests.sample_events import utterance

async def main(port, outbox, first, count):
    settings = MqttSettings(node="desk", outbox=outbox)
    async with MqttSink(settings, BrokerAddress(host="127.0.0.1", port=port), reconnect_s=(0.02, 0.2)) as sink:
        for number in range(first, first + count):
            await sink.send(utterance(number))
        while sink._outbox.unsaved:
            await asyncio.sleep(0.001)
        print("saved", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


def start_run(*arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", RUN, *arguments], stdout=subprocess.PIPE, cwd=ROOT)


async def test_what_a_killed_run_could_not_publish_the_next_publishes_first(mosquitto, subscribe, outbox):
    for first in (0, 10):
        arguments = [str(free_port()), outbox, str(first), "10"]
        with start_run(*arguments) as run:
            assert await asyncio.to_thread(run.stdout.readline) == b"saved\n"
            run.kill()
    subscriber = subscribe(mosquitto.port)
    async with mqtt(mosquitto.address, outbox=outbox) as sink:
        for number in range(20, 25):
            await sink.send(utterance(number))
        await until_received(subscriber, lambda received: len(distinct(received)) == 25)
    assert numbers(subscriber.received) == list(range(25))


async def test_a_second_process_on_this_machine_is_refused_without_asking_the_broker(outbox):
    nobody = str(free_port())
    with start_run(nobody, outbox, "0", "1") as run:
        assert await asyncio.to_thread(run.stdout.readline) == b"saved\n"
        with pytest.raises(UsageError, match=f"as process {run.pid}"):
            await mqtt(BrokerAddress(host="127.0.0.1", port=int(nobody)), outbox=outbox).__aenter__()
        run.kill()


async def test_an_outbox_that_cannot_be_written_degrades_the_node_and_loses_nothing(mosquitto, subscribe, tmp_path):
    subscriber = subscribe(mosquitto.port)
    (tmp_path / "file").touch()
    async with mqtt(mosquitto.address, outbox=str(tmp_path / "file" / "outbox")) as sink:
        report = await until_state(sink, "degraded")
        assert report.detail == f"connected {mosquitto.url} (MQTT 5); outbox: Not a directory, 0 in memory only"
        await sink.send(health())
        await sink.send(utterance(1))
        await arrives(subscriber, 1, "/utterance")
    await arrives(subscriber, 3, "/availability")
    assert subscriber.payloads("/availability") == ["online", "degraded", "offline"]


async def test_a_refused_login_is_not_tried_again_and_again(make_mosquitto, monkeypatch):
    closed = make_mosquitto(anonymous=False)
    pauses: list[float] = []
    monkeypatch.setattr(module.random, "uniform", lambda _, longest_s: pauses.append(longest_s) or 0.01)
    async with mqtt(closed.address, drain_s=0.1):
        await until(lambda: len(pauses) > 12)
    assert max(pauses) == module.REFUSED_S
