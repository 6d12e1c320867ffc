"""aiomqtt's client with what it lacks."""

import asyncio
import math
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS
from paho.mqtt.reasoncodes import ReasonCode

from monitor.mqtt.limits import BrokerLimits
from monitor.mqtt.messages import Message

BACKLOG = 50
"""Packets that have not left yet, beyond which a socket counts as stuck."""
HUNG_UP = "Hung up before CONNACK"
TIMED_OUT = "Operation timed out"

_T = TypeVar("_T")


class Client(aiomqtt.Client):
    """Adds what aiomqtt 2.5 lacks.

    That is several publications in flight with the broker's answer to each, acknowledgements when we say so, the limits
    that the broker names, an end without DISCONNECT, a silent broker noticed within the keep-alive time, no waiting for
    CONNACK from a broker that has hung up, cancellations that arrive, and no watching of a socket that was closed
    before its turn came.

    Args:
        args: As for aiomqtt's.
        by_hand: Whether messages of QoS 1 are acknowledged by `acknowledge`, and else at once, before anybody saw them.
        options: As for aiomqtt's.
    """

    def __init__(self, *args: Any, by_hand: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self._client.manual_ack_set(by_hand)
        self.limits = BrokerLimits()
        self._answers: dict[int, asyncio.Future[ReasonCode]] = {}

    def send(self, message: Message, properties: Any) -> "asyncio.Future[ReasonCode]":
        """Begins to publish with QoS 1, or the best that the broker has; messages go out in the order of calls.

        Returns:
            The broker's answer, or with QoS 0 that it is on its way. ValueError if it is no message that MQTT can
            carry, or that this broker would.

        Raises:
            aiomqtt.MqttCodeError: There is no connection any more.
        """
        answer: asyncio.Future[ReasonCode] = self._loop.create_future()
        try:
            self.limits.check(message.topic, message.payload, properties)
            info = self._client.publish(
                message.topic,
                message.payload,
                qos=min(1, self.limits.maximum_qos),
                retain=message.retain and self.limits.retain_available,
                properties=properties,
            )
        except ValueError as error:
            answer.set_exception(error)
            answer.exception()  # or asyncio complains where nobody waits for the answer
            return answer
        if info.rc != MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(info.rc, "Could not publish message")
        self._answers[info.mid] = answer
        return answer

    def acknowledge(self, message: aiomqtt.Message) -> None:
        """Lets the broker forget a message, unless the connection on which it came is gone."""
        if self._client.is_connected():
            self._client.ack(message.mid, message.qos)

    def tell(self, message: Message, properties: Any) -> None:
        """Publishes with QoS 0, unless the connection is gone or does not take what was said before.

        Raises:
            PacketTooLargeError: The broker does not take it.
        """
        self.limits.check(message.topic, message.payload, properties)
        if self._client.is_connected() and len(self._client._out_packet) < BACKLOG:  # noqa: SLF001
            self._client.publish(message.topic, message.payload, qos=0, properties=properties)

    async def watch(self, keepalive_s: float) -> None:
        """Asks a broker that is silent for half of `keepalive_s` whether it is there.

        paho asks only after the whole, and waits as long again; but one that was asked before then, it gives up.
        """
        while not self._disconnected.done():
            await asyncio.sleep(keepalive_s / 8)
            if time.monotonic() - self._client._last_bytes_received > keepalive_s / 2:  # noqa: SLF001
                self._client._send_pingreq()  # noqa: SLF001

    def cut(self) -> None:
        """Closes the socket without saying goodbye."""
        self._client._sock_close()  # noqa: SLF001
        if self._disconnected.done():
            self._disconnected.exception()  # or asyncio reports that nobody looked at it

    async def _wait_for(self, fut: Awaitable[_T], timeout: float | None) -> _T:  # noqa: ASYNC109 - aiomqtt's signature
        """As aiomqtt's, whose asyncio.wait_for loses, in Python 3.11, a cancellation that comes with the answer."""
        longest_s = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(None if longest_s == math.inf else longest_s):
                return await fut
        except TimeoutError:
            raise aiomqtt.MqttError(TIMED_OUT) from None

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Any = None
    ) -> None:
        self.limits = BrokerLimits.of(properties)
        most = client.max_inflight_messages
        client._max_inflight_messages = min(most, self.limits.receive_maximum)  # noqa: SLF001 it lets nobody ask now
        super()._on_connect(client, userdata, flags, reason_code, properties)

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any) -> None:
        answer = self._answers.pop(mid, None)
        if answer is not None and not answer.done():
            answer.set_result(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Any = None
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError(HUNG_UP))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:  # noqa: ARG002
        def write() -> None:
            try:
                client.loop_write()
            except Exception as error:  # noqa: BLE001 as in aiomqtt
                if not self._disconnected.done():
                    self._disconnected.set_exception(error)

        def register() -> None:
            if client.socket() is sock:
                self._loop.add_writer(sock, write)

        self._loop.call_soon_threadsafe(register)
