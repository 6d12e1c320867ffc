"""What a broker takes, as its CONNACK says in MQTT 5. No I/O."""

from dataclasses import dataclass
from typing import Self

from paho.mqtt.properties import Properties

NO_LIMIT = 268_435_460
"""Bytes of the longest packet that MQTT has."""
MOST_IN_FLIGHT = 65_535


class PacketTooLargeError(ValueError):
    """A broker would end the connection if it got this packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerLimits:
    """Names are those of the properties of CONNACK; the defaults are what holds where it does not name them."""

    maximum_packet_size: int = NO_LIMIT
    receive_maximum: int = MOST_IN_FLIGHT
    maximum_qos: int = 2
    retain_available: bool = True

    @classmethod
    def of(cls, connack: Properties | None) -> Self:
        """Those of a broker that has accepted us; MQTT 3.1.1 has no properties, and so no limits that are known."""
        return cls(
            maximum_packet_size=getattr(connack, "MaximumPacketSize", NO_LIMIT),
            receive_maximum=getattr(connack, "ReceiveMaximum", MOST_IN_FLIGHT),
            maximum_qos=getattr(connack, "MaximumQoS", 2),
            retain_available=bool(getattr(connack, "RetainAvailable", 1)),
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """What people should know of a broker that promises less than others do."""
        no_retain = "it keeps no retained messages: who connects later does not see the last state"
        qos_0 = "it takes QoS 0 only: it confirms nothing, and what a lost connection swallows is not known"
        return (*((no_retain,) if not self.retain_available else ()), *((qos_0,) if not self.maximum_qos else ()))

    def check(self, topic: str, payload: bytes, properties: Properties | None) -> None:
        """Whether the broker takes a publication, sent with QoS 1.

        Raises:
            PacketTooLargeError: It does not.
        """
        size = publish_bytes(topic, payload, properties)
        if size > self.maximum_packet_size:
            msg = f"{size} bytes are more than the broker takes ({self.maximum_packet_size})"
            raise PacketTooLargeError(msg)


def publish_bytes(topic: str, payload: bytes, properties: Properties | None) -> int:
    """Size of the whole PUBLISH packet in MQTT 5, QoS 1."""
    packed = properties.pack() if properties else b"\0"  # type: ignore[no-untyped-call]
    remaining = 2 + len(topic.encode()) + 2 + len(packed) + len(payload)
    length_digits = max(1, (remaining.bit_length() + 6) // 7)
    return 1 + length_digits + remaining
