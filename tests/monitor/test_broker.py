"""The embedded broker: who gets in, what it leaves behind, and what happens when it or we are killed."""

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from dataclasses import astuple, replace
from pathlib import Path
from typing import Any

import aiomqtt
import psutil
import pytest

from core.errors import BrokerError
from core.settings import MqttSettings
from core.wire.events import Event, decode
from monitor import broker as module
from monitor import broker_folder
from monitor.broker import EmbeddedBroker
from monitor.broker_ports import Ports
from monitor.mqtt import connection
from monitor.mqtt.connection import Connector
from monitor.mqtt.messages import Message
from monitor.sinks.mqtt import MqttSink
from tests.mosquitto import Received, Wire, free_port
from tests.patience import PATIENCE_S, until, wait_until
from tests.sample_events import utterance

ROOT = Path(__file__).parents[2]


def child_of(broker: EmbeddedBroker) -> psutil.Process:
    return psutil.Process(broker._child._process.pid)


def client(
    broker: EmbeddedBroker, port: int, *, version: int = 4, transport: str = "tcp", **options: Any
) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1",
        port,
        username=broker.address.user,
        password=broker.address.password,
        protocol=aiomqtt.ProtocolVersion(version),
        transport=transport,  # type: ignore[arg-type]
        websocket_path="/",
        **options,
    )


async def first_message(client: aiomqtt.Client, subscribed: asyncio.Event) -> bytes:
    async with client:
        await client.subscribe("#", qos=1)
        subscribed.set()
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            if not message.topic.matches("+/+/claim"):
                return message.payload
    raise AssertionError


async def test_mqtt_5_and_3_1_1_and_websocket_clients_all_get_what_the_sink_publishes(tmp_path):
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        clients = [
            client(broker, broker.ports.mqtt5, version=5),
            client(broker, broker.ports.mqtt311),
            client(broker, broker.ports.websocket, transport="websockets"),
        ]
        subscribed = [asyncio.Event() for _ in clients]
        waiting = [asyncio.create_task(first_message(*pair)) for pair in zip(clients, subscribed, strict=True)]
        async with asyncio.timeout(PATIENCE_S):
            for event in subscribed:
                await event.wait()
            async with MqttSink(MqttSettings(), broker.address) as sink:
                await sink.send(utterance(1))
                for task in waiting:
                    assert await task == b"online"


async def test_a_property_would_cut_off_a_3_1_1_subscriber(tmp_path):
    """Why `address.properties` is False. When this fails, rumqttd has learned it, and properties can be sent."""
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        subscribed = asyncio.Event()
        waiting = asyncio.create_task(first_message(client(broker, broker.ports.mqtt311), subscribed))
        await until(lambda: subscribed.is_set() or waiting.done(), "a subscription")
        assert subscribed.is_set(), waiting.exception()
        careless = Connector(replace(broker.address, properties=True), client_id="careless", keepalive_s=15)
        deadline = time.monotonic() + PATIENCE_S
        async with careless.connect() as publisher:
            while not waiting.done() and time.monotonic() < deadline:
                await publisher.publish(Message(topic="a", payload=b"{}", schema="s"), 0.0)
                await asyncio.sleep(0.05)
        assert waiting.done(), "it was not cut off"
        with pytest.raises(aiomqtt.MqttError):
            await waiting


@pytest.mark.parametrize("password", ["wrong", None])
async def test_without_the_password_nobody_gets_in(tmp_path, monkeypatch, password):
    monkeypatch.setattr(connection, "ANSWER_S", 0.5)
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        for port in (broker.ports.mqtt5, broker.ports.mqtt311):
            stranger = Connector(replace(broker.address, password=password, port=port), client_id="x", keepalive_s=15)
            with pytest.raises(BrokerError, match="no answer from the broker"):
                async with stranger.connect():
                    pass


async def test_it_listens_on_this_machine_only(tmp_path):
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        listening = [c.laddr for c in child_of(broker).net_connections() if c.status == psutil.CONN_LISTEN]
        assert {address.ip for address in listening} == {"127.0.0.1"}
        assert {address.port for address in listening} == {
            broker.ports.mqtt311,
            broker.ports.mqtt5,
            broker.ports.websocket,
        }


async def test_a_port_that_is_taken_is_replaced(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wishes = Ports(mqtt311=taken.getsockname()[1], mqtt5=free_port(), websocket=free_port())
        async with EmbeddedBroker(ports=wishes, runtime=tmp_path) as broker:
            assert broker.ports.mqtt311 != wishes.mqtt311
            assert broker.ports.mqtt5 == wishes.mqtt5
            assert broker.urls["MQTT 3.1.1"] == f"mqtt://127.0.0.1:{broker.ports.mqtt311}"


async def test_programs_that_start_at_the_same_moment_do_not_fail_over_ports(tmp_path, monkeypatch):
    wishes = Ports(free_port(), free_port(), free_port())
    look = module.free
    async with EmbeddedBroker(ports=wishes, runtime=tmp_path) as first:
        seen_before_the_first_listened = [wishes]
        monkeypatch.setattr(
            module,
            "free",
            lambda ports: seen_before_the_first_listened.pop() if seen_before_the_first_listened else look(ports),
        )
        async with EmbeddedBroker(ports=wishes, runtime=tmp_path) as second:
            assert not set(astuple(first.ports)) & set(astuple(second.ports))


async def test_the_password_is_in_no_process_list_and_readable_by_this_account_only(tmp_path):
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        password = broker.address.password
        assert password
        assert password in broker.credentials.read_text()
        assert password not in " ".join(child_of(broker).cmdline())
        assert password not in broker.subscribe_command()
        assert password not in broker.announcement()
        assert broker.password_file.read_text().strip() == password
        assert stat.S_IMODE(broker.folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in broker.folder.iterdir()} == {0o600}
    async with EmbeddedBroker(runtime=tmp_path) as other:
        assert other.address.password != password


@pytest.mark.system
async def test_the_line_it_gives_can_be_copied_to_see_the_events(tmp_path, need_mosquitto_sub):  # noqa: ARG001
    folder = tmp_path / "a folder's name"
    folder.mkdir()
    async with EmbeddedBroker(runtime=folder) as broker, MqttSink(MqttSettings(node="desk"), broker.address) as sink:
        line = broker.subscribe_command(sink.topics.everything)
        shell = await asyncio.create_subprocess_shell(f"{line} -C 1 -W 300", stdout=subprocess.PIPE)
        out, _ = await shell.communicate()
        assert out == b"emotion/desk/availability online\n"


async def test_closing_ends_the_process_and_leaves_nothing(tmp_path):
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        process = child_of(broker)
    assert not process.is_running()
    assert list(tmp_path.iterdir()) == []
    async with EmbeddedBroker(ports=broker.ports, runtime=tmp_path) as again:
        assert again.ports == broker.ports


async def test_ctrl_c_and_sigterm_to_the_whole_group_leave_it_to_us_to_end_it(tmp_path):
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        process = child_of(broker)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        async with MqttSink(MqttSettings(), broker.address) as sink:
            await sink.send(utterance(1))
        assert sink.health().dropped == 0
        assert child_of(broker).pid == process.pid


PARENT = """
import asyncio, sys
from pathlib import Path
import psutil
from monitor.broker import EmbeddedBroker

async def main():
    async with EmbeddedBroker(runtime=Path(sys.argv[1])):
        print(psutil.Process().children()[0].pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def killed_run(tmp_path: Path) -> int:
    """Kills -9 a program with a broker; the pid of that broker."""
    command = [sys.executable, "-c", PARENT, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        parent.kill()
    return pid


async def test_after_kill_9_of_the_program_its_broker_dies_and_the_next_start_tidies_up(tmp_path, killed_run):
    wait_until(lambda: not psutil.pid_exists(killed_run), "its death")
    [left] = tmp_path.iterdir()
    async with EmbeddedBroker(runtime=tmp_path):
        assert not left.exists()


def test_a_broker_that_did_not_notice_the_end_of_its_program_is_killed_at_the_next_start(tmp_path, killed_run):
    [left] = tmp_path.iterdir()
    deaf = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", left / "rumqttd.toml"])
    try:
        wait_until(lambda: str(left) in " ".join(psutil.Process(deaf.pid).cmdline()), "its start")
        broker_folder._sweep(tmp_path)
        assert deaf.wait(PATIENCE_S) == -signal.SIGKILL
        assert not left.exists()
        assert killed_run != deaf.pid
    finally:
        deaf.kill()
        deaf.wait()


@pytest.mark.usefixtures("killed_run")
async def test_brokers_that_run_are_found_with_their_passwords_and_those_of_killed_programs_are_not(tmp_path):
    assert broker_folder.running_brokers(tmp_path) == []
    async with EmbeddedBroker(runtime=tmp_path) as first, EmbeddedBroker(runtime=tmp_path) as second:
        (tmp_path / f"broker-{os.getpid()}-being-made").mkdir()
        found = broker_folder.running_brokers(tmp_path)
        assert {broker.address for broker in found} == {first.address, second.address}
        assert {broker.pid for broker in found} == {os.getpid()}
    assert broker_folder.running_brokers(tmp_path) == []


async def test_programs_side_by_side_leave_each_other_alone(tmp_path):
    async with EmbeddedBroker(runtime=tmp_path) as first, EmbeddedBroker(runtime=tmp_path) as second:
        assert not set(astuple(first.ports)) & set(astuple(second.ports))
        for broker in (first, second):
            async with MqttSink(MqttSettings(), broker.address) as sink:
                await sink.send(utterance(1))
            assert sink.health().dropped == 0


@pytest.mark.system
async def test_a_broker_that_is_killed_is_started_again_and_no_event_is_lost(tmp_path, monkeypatch, subscribe):
    monkeypatch.setattr(module, "RESTART_S", (0.05, 1.0))
    async with EmbeddedBroker(runtime=tmp_path) as broker, Wire(broker.ports.mqtt5) as wire:
        address = broker.address
        login = ("-u", address.user, "-P", address.password)
        early = subscribe(broker.ports.mqtt311, "+/+/+/utterance", version="311", options=login)
        async with MqttSink(MqttSettings(), replace(address, port=wire.port), reconnect_s=(0.02, 0.2)) as sink:
            await sink.send(utterance(1))
            await asyncio.to_thread(early.until, "first event", lambda received: len(received) == 1)
            await wire.cut()
            killed = broker._child
            child_of(broker).kill()
            await sink.send(utterance(2))
            await sink.send(utterance(3))
            await until(lambda: broker._child is not killed, "another broker")
            late = subscribe(broker.ports.mqtt311, "+/+/+/utterance", version="311", options=login)
            await wire.mend()
            received = await asyncio.to_thread(late.until, "the last event", lambda all_: utterance(3) in events(all_))
    assert [event for event in events(received) if event != utterance(1)] == [utterance(2), utterance(3)]
    assert sink.health().dropped == 0


def events(received: list[Received]) -> list[Event]:
    return list(dict.fromkeys(decode(message.payload) for message in received))


BREAKABLE = """
import signal
signal.signal(signal.SIGUSR1, lambda *_: print('called `Result::unwrap()` on: PoisonError { .. }', flush=True))
"""


async def test_a_listener_that_a_client_has_broken_for_all_is_mended(tmp_path, monkeypatch):
    """Two clients of one id, on two listeners, do it now and then; what rumqttd says of it is said here at a signal."""
    monkeypatch.setattr(module, "RESTART_S", (0.05, 1.0))
    monkeypatch.setattr(module, "_PROGRAM", BREAKABLE + module._PROGRAM)
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        broken = broker._child
        child_of(broker).send_signal(signal.SIGUSR1)
        await until(lambda: broker._child is not broken, "another broker")
        async with client(broker, broker.ports.mqtt311), client(broker, broker.ports.mqtt5, version=5):
            pass


@pytest.mark.parametrize(
    ("program", "reason", "start_s"),
    [
        ("raise SystemExit('no libc')", "no libc", PATIENCE_S),
        ("import no_such_module", "No module named 'no_such_module'", PATIENCE_S),
        ("import time; time.sleep(600)", "it says nothing within", 0.5),
        ("print('emotion-monitor: listening', flush=True); import sys; sys.stdin.read()", "does not serve", 5.0),
    ],
)
async def test_a_broker_that_cannot_start_is_one_line_and_leaves_nothing(
    tmp_path, monkeypatch, program, reason, start_s
):
    monkeypatch.setattr(module, "_PROGRAM", program)
    monkeypatch.setattr(module, "START_S", start_s)
    monkeypatch.setattr(module, "STOP_S", 0.1)
    before = psutil.Process().children()
    with pytest.raises(BrokerError, match=reason) as caught:
        await EmbeddedBroker(runtime=tmp_path).__aenter__()
    assert "embedded broker" in caught.value.one_line()
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    assert psutil.Process().children() == before


async def test_without_a_folder_to_work_in_it_cannot_start(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BrokerError, match="no folder for the embedded broker"):
        await EmbeddedBroker(runtime=tmp_path / "file").__aenter__()


async def test_nothing_it_says_reaches_our_output(tmp_path, capfd):
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        with socket.create_connection(("127.0.0.1", broker.ports.mqtt5)) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")  # it has a lot to say about that
            stranger.shutdown(socket.SHUT_WR)
            await asyncio.to_thread(stranger.recv, 1)
    assert capfd.readouterr() == ("", "")


async def test_it_keeps_about_a_megabyte_for_a_subscriber_that_is_away(tmp_path):
    async with EmbeddedBroker(runtime=tmp_path) as broker:
        session = {"identifier": "away", "clean_session": False}
        async with client(broker, broker.ports.mqtt311, **session) as away:
            await away.subscribe("emotion/#", qos=1)
        async with client(broker, broker.ports.mqtt5, version=5) as publisher:
            for number in range(300):
                await publisher.publish("emotion/desk/a/utterance", b"%010d" % number * 1000, qos=1)
        async with client(broker, broker.ports.mqtt311, **session) as back:
            kept = []
            async for message in back.messages:
                kept.append(int(bytes(message.payload)[:10]))
                if kept[-1] == 299:
                    break
    assert kept == list(range(kept[0], 300))
    assert 80 <= len(kept) <= 120
