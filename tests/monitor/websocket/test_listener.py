"""Real sockets: connections that say nothing use up nothing that others need."""

import asyncio
import logging
import socket
from contextlib import ExitStack

import pytest

from core.settings import WebSocketSettings
from monitor.websocket import listener, server
from monitor.websocket.address import ListenAddress, listen_address
from monitor.websocket.listener import MAX_CONNECTIONS, MAX_PER_ADDRESS, Listener, site
from monitor.websocket.server import WebSocketServer
from tests.descriptors import no_free_descriptor
from tests.monitor.websocket.test_address import make_certificate
from tests.monitor.websocket.test_server import client, monitoring, said
from tests.patience import PATIENCE_S, until


async def hung_up_on(silent: socket.socket) -> bool:
    """Waits for the server to close a connection on which nobody has said anything."""
    silent.settimeout(0.0)
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await asyncio.get_running_loop().sock_recv(silent, 1) == b""
        except ConnectionError:
            return True


def silent_from(host: str, port: int) -> socket.socket:
    """A connection from an address of this machine."""
    return socket.create_connection(("127.0.0.1", port), source_address=(host, 0))


@pytest.fixture
def stack():
    with ExitStack() as opened:
        yield opened


@pytest.fixture(autouse=True)
def ends_soon(monkeypatch):
    monkeypatch.setattr(server, "CLOSE_S", 0.05)


async def test_silent_connections_from_one_address_leave_room_for_the_others(stack, caplog):
    caplog.set_level(logging.WARNING, "monitor.websocket.server")
    async with monitoring() as monitor:
        port = monitor.source.server.port
        silent = [stack.enter_context(silent_from("127.0.0.2", port)) for _ in range(3 * MAX_PER_ADDRESS)]
        for one_too_many in silent[MAX_PER_ADDRESS:]:
            assert await hung_up_on(one_too_many)
        async with client(monitor) as websocket:
            await said(websocket, "ready")
    assert caplog.text.count("127.0.0.2 was turned away: 8 connections from there are open") == 1


async def test_silent_connections_are_bounded_in_all_and_their_places_are_free_again_when_they_are_gone(stack):
    async with monitoring() as monitor:
        port = monitor.source.server.port
        hosts = [f"127.0.0.{2 + n // MAX_PER_ADDRESS}" for n in range(MAX_CONNECTIONS + 1)]
        silent = [stack.enter_context(silent_from(host, port)) for host in hosts]
        assert await hung_up_on(silent[-1])
        silent[0].close()
        await until(lambda: len(monitor.source.server._socket._open()) < MAX_CONNECTIONS)
        async with client(monitor) as websocket:
            await said(websocket, "ready")


@pytest.mark.parametrize("encrypted", [False, True], ids=["ws", "wss"])
async def test_a_connection_that_says_nothing_is_hung_up_on(encrypted, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "HANDSHAKE_S", 0.05)
    async with monitoring(address=address_for(tmp_path) if encrypted else None) as monitor:
        with socket.create_connection(("127.0.0.1", monitor.source.server.port)) as silent:
            assert await hung_up_on(silent)


@pytest.mark.parametrize("encrypted", [False, True], ids=["ws", "wss"])
async def test_a_connection_that_says_nothing_does_not_hold_up_the_end(encrypted, tmp_path, monkeypatch):
    monkeypatch.setattr(server, "HANDSHAKE_S", 2 * PATIENCE_S)
    address = address_for(tmp_path) if encrypted else listen_address("ws://127.0.0.1:0", WebSocketSettings(), {})
    listening = WebSocketServer(address, WebSocketSettings(), speed=1.0, patient=False)
    async with asyncio.timeout(PATIENCE_S), listening:
        with socket.create_connection(("127.0.0.1", listening.port)):
            await until(lambda: len(listening._socket._open()) == 1)
            await listening.__aexit__()


def test_without_a_free_descriptor_asyncio_is_told_once_at_a_time_and_clients_come_in_afterwards(stack, monkeypatch):
    listening = stack.enter_context(Listener(socket.AF_INET, lambda *_: None))
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    stack.enter_context(socket.create_connection(listening.getsockname()))
    monkeypatch.setattr(listener, "PAUSE_S", PATIENCE_S)
    with no_free_descriptor():
        with pytest.raises(OSError, match="Too many open files"):
            listening.accept()
        for _ in range(100):
            with pytest.raises(BlockingIOError):
                listening.accept()
    monkeypatch.setattr(listener, "PAUSE_S", 0.0)
    connection, address = listening.accept()
    assert address[0] == "127.0.0.1"
    connection.close()


def address_for(folder) -> ListenAddress:
    make_certificate(folder)
    settings = WebSocketSettings(cert_file=str(folder / "cert.pem"), key_file=str(folder / "key.pem"))
    return listen_address("wss://127.0.0.1:0", settings, {})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%1", "fe80::2%1", True),
    ],
)
def test_who_has_a_whole_network_of_addresses_is_still_one(one, other, same):
    assert (site(one) == site(other)) == same
