"""One connection to a broker: aiomqtt with its rough edges taken off."""

import logging
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core.errors import BrokerError, UsageError
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.messages import Message

ANSWER_S = 5.0
"""A broker that is there answers CONNECT well within this time."""
ACKNOWLEDGE_S = 10.0
"""A publication that is not acknowledged by then means that the connection is dead."""

_TIMED_OUT = "Operation timed out"  # aiomqtt has no type for it
_HUNG_UP = "Hung up before CONNACK"
_V5 = aiomqtt.ProtocolVersion.V5
_V311 = aiomqtt.ProtocolVersion.V311
_UNSPECIFIED = 128
_UNSUPPORTED_PROTOCOL = 132
_SIGNED_BY_A_STRANGER = {18, 19, 20, 21}  # OpenSSL's X509_V_ERR_..: self-signed, or an unknown issuer
_LOGIN_REFUSED = {134: "wrong user name or password", 135: "wrong password, or no permission"}

_client_logger = logging.getLogger(f"{__name__}.client")
_client_logger.setLevel(logging.CRITICAL)  # what paho calls an error is an exception here as well


class PublishRefusedError(BrokerError):
    """The broker is there and refuses this one message."""


class Connection:
    """A live connection; `Connector.connect` makes it."""

    def __init__(self, client: "_Client", *, protocol: aiomqtt.ProtocolVersion, properties: bool) -> None:
        self.protocol = "MQTT 5" if protocol == _V5 else "MQTT 3.1.1"
        self._client = client
        self._properties = properties and protocol == _V5

    async def publish(self, message: Message, now: float) -> None:
        """Publishes and waits for the acknowledgement; one call at a time.

        Args:
            message: What to publish.
            now: Seconds since the epoch, from which its expiry counts.

        Raises:
            PublishRefusedError: The broker acknowledged with a failure, for example for lack of permission. Only
                MQTT 5 says so.
            BrokerError: The connection is lost.
        """
        self._client.acknowledgement = None
        with _connection_may_be_lost():
            await self._client.publish(
                message.topic,
                message.payload,
                qos=1,
                retain=message.retain,
                properties=_publish_properties(message, now) if self._properties else None,
                timeout=ACKNOWLEDGE_S,
            )
        answer = self._client.acknowledgement
        if answer is not None and answer.is_failure:
            msg = f"the broker refuses {message.topic}: {answer}"
            raise PublishRefusedError(msg)

    async def subscribe(self, topic: str) -> None:
        """Asks for a topic, QoS 1.

        Raises:
            BrokerError: The connection is lost.
        """
        with _connection_may_be_lost():
            await self._client.subscribe(topic, qos=1, timeout=ACKNOWLEDGE_S)

    async def messages(self) -> AsyncIterator[aiomqtt.Message]:
        """What arrives on subscribed topics while the connection lives.

        Raises:
            BrokerError: The connection is lost.
        """
        with _connection_may_be_lost():
            async for message in self._client.messages:
                yield message


class Connector:
    """Connects again and again as one MQTT client: in MQTT 5, or in 3.1.1 where the broker wants that.

    Each connection gets a client object of its own, since paho keeps what was not acknowledged and would send it
    again beside the caller's own repetition.

    A broker that refuses MQTT 5 is spoken to in 3.1.1 at once. One that leaves CONNECT unanswered may not understand
    the version, so every third attempt at it is in 3.1.1.

    Args:
        address: The broker.
        client_id: The same for the life of the process: a broker that still holds our previous connection then ends
            it, last will included, before it accepts the new one, and not after we said `online`.
        keepalive_s: Longest silence before either side asks whether the other is there.
        will: What the broker publishes when a connection dies.
    """

    def __init__(
        self, address: BrokerAddress, *, client_id: str, keepalive_s: int, will: Message | None = None
    ) -> None:
        self._address = address
        self._client_id = client_id
        self._keepalive_s = keepalive_s
        self._will = aiomqtt.Will(will.topic, will.payload, qos=1, retain=will.retain) if will else None
        self._refuses_v5 = False
        self._silences = 0  # attempts in a row that were left unanswered

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """Enters when the broker has accepted us.

        Leaving without an error disconnects cleanly. With an error, cancellation included, the connection is cut, so
        that the broker publishes the will.

        Do not cancel this while it is entering: aiomqtt would leave a live connection behind.

        Raises:
            BrokerError: Unreachable, login refused or no answer, in one line.
        """
        client, protocol = await self._open()
        try:
            yield Connection(client, protocol=protocol, properties=self._address.properties)
        except BaseException:
            client.cut()
            raise
        else:
            with suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
        finally:
            self._silences = 0

    async def _open(self) -> "tuple[_Client, aiomqtt.ProtocolVersion]":
        protocol = _V311 if self._refuses_v5 or self._silences % 3 == 2 else _V5  # noqa: PLR2004
        client = self._new_client(protocol)
        try:
            await client.__aenter__()
        except aiomqtt.MqttCodeError as error:
            if _code(error) == _UNSUPPORTED_PROTOCOL and protocol == _V5:
                self._refuses_v5 = True
                return await self._open()
            msg = _LOGIN_REFUSED.get(_code(error), f"the broker refuses the connection: {error.rc}")
            raise BrokerError(msg) from error
        except (aiomqtt.MqttError, ValueError) as error:  # ValueError: a host name that no resolver takes
            client.cut()
            if not _is_silence(error):
                raise BrokerError(_why_unreachable(error)) from error
            self._silences += 1
            certificate = "no client certificate, " if self._address.tls and not self._address.tls.cert_file else ""
            msg = f"no answer from the broker (wrong password, {certificate}or not an MQTT broker?)"
            raise BrokerError(msg) from error
        return client, protocol

    def _new_client(self, protocol: aiomqtt.ProtocolVersion) -> "_Client":
        return _Client(
            self._address.host,
            self._address.port,
            username=self._address.user,
            password=self._address.password,
            identifier=self._client_id,
            protocol=protocol,
            will=self._will,
            timeout=ANSWER_S,
            keepalive=self._keepalive_s,
            tls_context=self._tls_context(),
            logger=_client_logger,
        )

    def _tls_context(self) -> ssl.SSLContext | None:
        try:
            return self._address.tls.context() if self._address.tls else None
        except UsageError as error:  # the files were fit for use when the program started
            raise BrokerError(str(error)) from error


class _Client(aiomqtt.Client):
    """Adds what aiomqtt 2.5 lacks.

    That is the broker's answer to a publication, an end without DISCONNECT, no waiting for CONNACK from a broker that
    has hung up, and no watching of a socket that was closed before its turn came.
    """

    acknowledgement: ReasonCode | None = None

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any) -> None:
        self.acknowledgement = reason_code
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Any = None
    ) -> None:
        if not self._connected.done():
            self._connected.set_exception(aiomqtt.MqttError(_HUNG_UP))
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

    def cut(self) -> None:
        """Closes the socket without saying goodbye."""
        self._client._sock_close()  # noqa: SLF001
        if self._disconnected.done():
            self._disconnected.exception()  # or asyncio reports that nobody looked at it


@contextmanager
def _connection_may_be_lost() -> Iterator[None]:
    try:
        yield
    except aiomqtt.MqttError as error:
        if _is_silence(error):
            msg = f"the broker has not answered for {ACKNOWLEDGE_S:.0f} s"
        else:
            said = _broker_reason(error.__cause__ or error)
            msg = f"connection lost: {said}" if said else "connection lost"
        raise BrokerError(msg) from error


def _publish_properties(message: Message, now: float) -> Any:
    properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.PayloadFormatIndicator = 1
    properties.ContentType = "application/json" if message.schema else "text/plain"
    user = [(name, value) for name, value in (("schema", message.schema), ("model", message.model)) if value]
    if user:
        properties.UserProperty = user
    if message.correlation is not None:
        properties.CorrelationData = message.correlation
    expiry_s = message.remaining_s(now)
    if expiry_s is not None:
        properties.MessageExpiryInterval = max(1, expiry_s)
    return properties


def _code(error: aiomqtt.MqttCodeError) -> int:
    return error.rc.value if isinstance(error.rc, ReasonCode) else error.rc or 0


def _broker_reason(error: BaseException) -> str | None:
    """What the broker gave as reason for ending a connection, such as `Session taken over`."""
    reason = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
    return str(reason) if isinstance(reason, ReasonCode) and reason.value != _UNSPECIFIED else None


def _is_silence(error: Exception) -> bool:
    return str(error) in {_TIMED_OUT, _HUNG_UP}


def _why_unreachable(error: Exception) -> str:
    cause = error.__context__  # aiomqtt hides it from tracebacks only
    if isinstance(cause, ssl.SSLCertVerificationError):
        advice = "; if it is the right one, name it or who signed it in mqtt.ca_file"
        unknown = cause.verify_code in _SIGNED_BY_A_STRANGER
        return f"the broker's certificate is refused: {cause.verify_message.rstrip('.')}{advice if unknown else ''}"
    return f"broker unreachable: {_tidy(error)}"


def _tidy(error: Exception) -> str:
    """`[Errno 111] Connection refused` or `[SSL: ...] ... (_ssl.c:1006)` without the brackets."""
    return re.sub(r"^\[[^]]*\] | \(_ssl\.c:\d+\)$", "", str(error))
