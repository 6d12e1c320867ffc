"""Where the embedded broker listens, and the configuration that tells it so."""

import socket
import tomllib
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from typing import Literal, NamedTuple

import aiomqtt

HOST = "127.0.0.1"
USER = "emotion"
CONFIGURATION_NAME = "rumqttd.toml"

SEGMENTS, SEGMENT_BYTES = 16, 65_536
"""rumqttd keeps what was published in a log for each topic filter that somebody has ever subscribed to, whether read or
not, and forgets it by segments. Together a megabyte: about a thousand events, as many as Mosquitto queues for a client
that is slow or away, and memory is at its most within the first hours."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of the three listeners; rumqttd speaks one protocol version on each."""

    mqtt311: int = 1883
    mqtt5: int = 1884
    websocket: int = 9001


DEFAULT_PORTS = Ports()


class Listener(NamedTuple):
    """A port, and what is spoken there."""

    kind: str  # as rumqttd calls it
    port: int
    protocol: aiomqtt.ProtocolVersion
    transport: Literal["tcp", "websockets"]


def listeners(ports: Ports) -> tuple[Listener, ...]:
    """One for each protocol version, and one for browsers."""
    return (
        Listener("v4", ports.mqtt311, aiomqtt.ProtocolVersion.V311, "tcp"),
        Listener("v5", ports.mqtt5, aiomqtt.ProtocolVersion.V5, "tcp"),
        Listener("ws", ports.websocket, aiomqtt.ProtocolVersion.V311, "websockets"),
    )


def free(wishes: Ports) -> Ports:
    """The wished ports, where they are free."""
    with ExitStack() as held:
        return Ports(*(_bind(held, wish) for wish in astuple(wishes)))


def _bind(held: ExitStack, wish: int) -> int:
    listener = held.enter_context(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as rumqttd does: ports of a run just ended
    try:
        listener.bind((HOST, wish))
    except OSError:
        listener.bind((HOST, 0))
    return int(listener.getsockname()[1])


def configuration(ports: Ports, password: str) -> str:
    """What rumqttd reads, in TOML."""
    router = f"""\
id = 0
[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 200
max_segment_size = {SEGMENT_BYTES}
max_segment_count = {SEGMENTS}
"""
    return router + "".join(
        f"""
[{kind}.1]
name = "{kind}"
listen = "{HOST}:{port}"
next_connection_delay_ms = 1
[{kind}.1.connections]
connection_timeout_ms = 5000
max_payload_size = 1048576
max_inflight_count = 100
dynamic_filters = true
[{kind}.1.connections.auth]
{USER} = "{password}"
"""
        for kind, port, *_ in listeners(ports)
    )


def configured(text: str) -> tuple[Ports, str]:
    """Ports and password again.

    Raises:
        ValueError: It is not such a text.
        KeyError: Likewise.
    """
    values = tomllib.loads(text)
    first, second, third = (int(values[kind]["1"]["listen"].rpartition(":")[2]) for kind, *_ in listeners(Ports()))
    return Ports(first, second, third), str(values["v4"]["1"]["connections"]["auth"][USER])
