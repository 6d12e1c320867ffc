"""One connection to a broker: aiomqtt with its rough edges taken off."""

import asyncio
import logging
import re
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from core import tasks
from core.errors import BrokerError, UsageError
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.client import HUNG_UP, TIMED_OUT, Client
from monitor.mqtt.limits import BrokerLimits, PacketTooLargeError
from monitor.mqtt.messages import Message

ANSWER_S = 5.0
"""A broker that is there answers CONNECT well within this time."""
ACKNOWLEDGE_S = 10.0
"""A publication that is not acknowledged by then means that the connection is dead."""
WILL_DELAY_S = 5
"""Where the broker speaks MQTT 5, a connection that is back within this time was never seen to be gone."""
SESSION_S = 2 * WILL_DELAY_S

_V5 = aiomqtt.ProtocolVersion.V5
_V311 = aiomqtt.ProtocolVersion.V311
_UNSPECIFIED = 128
_UNSUPPORTED_PROTOCOL = 132
_NO_SUBSCRIBERS = 16
_RETAIN_NOT_SUPPORTED = 154
_QOS_NOT_SUPPORTED = 155
_SIGNED_BY_A_STRANGER = {18, 19, 20, 21}  # OpenSSL's X509_V_ERR_..: self-signed, or an unknown issuer
_LOGIN_REFUSED = {134: "wrong user name or password", 135: "wrong password, or no permission"}

_client_logger = logging.getLogger(f"{__name__}.client")
_client_logger.setLevel(logging.CRITICAL)  # what paho calls an error is an exception here as well


class PublishRefusedError(BrokerError):
    """The broker is there and refuses this one message.

    Attributes:
        reason: In two words, for counts.
    """

    def __init__(self, message: str, *, reason: str = "refused") -> None:
        super().__init__(message)
        self.reason = reason


class LoginRefusedError(BrokerError):
    """The broker is there and does not let us in."""


class Publication:
    """A message that is on its way."""

    def __init__(self, topic: str, answer: "asyncio.Future[ReasonCode]") -> None:
        self._topic = topic
        self._answer = answer

    async def acknowledged(self) -> bool:
        """Returns when the broker has the message; false if it says that nobody subscribes to it.

        Raises:
            PublishRefusedError: The broker acknowledged with a failure, for example for lack of permission, or has said
                that it takes nothing of this size. Only MQTT 5 says so.
            BrokerError: The connection is lost.
        """
        try:
            async with asyncio.timeout(ACKNOWLEDGE_S):
                answer = await self._answer
        except TimeoutError:
            msg = f"the broker has not answered for {ACKNOWLEDGE_S:g} s"
            raise BrokerError(msg) from None
        except ValueError as error:  # known without asking: no broker would take it, or this one would not
            raise _refused(self._topic, error) from error
        if answer.is_failure:
            msg = f"the broker refuses {self._topic}: {answer}"
            raise PublishRefusedError(msg)
        return answer.value != _NO_SUBSCRIBERS


class Connection:
    """A live connection; `Connector.connect` makes it."""

    def __init__(self, client: Client, *, protocol: aiomqtt.ProtocolVersion, properties: bool) -> None:
        self.protocol = "MQTT 5" if protocol == _V5 else "MQTT 3.1.1"
        self.limits = client.limits
        self._client = client
        self._properties = properties and protocol == _V5

    def send(self, message: Message, now: float) -> Publication:
        """Begins to publish; messages reach the broker in the order of calls.

        Args:
            message: What to publish.
            now: Seconds, on the clock of its `valid_until`; without that, no matter.

        Raises:
            BrokerError: The connection is lost.
        """
        with _connection_may_be_lost():
            answer = self._client.send(message, _publish_properties(message, now) if self._properties else None)
        return Publication(message.topic, answer)

    def tell(self, message: Message, now: float) -> None:
        """Says a message with QoS 0, or drops it; arguments as for `send`.

        Raises:
            PublishRefusedError: It is larger than what the broker takes.
        """
        try:
            self._client.tell(message, _publish_properties(message, now) if self._properties else None)
        except ValueError as error:
            raise _refused(message.topic, error) from error

    async def publish(self, message: Message, now: float) -> None:
        """Publishes and waits for the acknowledgement; raises what `send` and `acknowledged` raise."""
        await self.send(message, now).acknowledged()

    async def subscribe(self, topic: str) -> None:
        """Asks for a topic, QoS 1.

        Raises:
            BrokerError: The connection is lost.
        """
        with _connection_may_be_lost():
            await self._client.subscribe(topic, qos=1, timeout=ACKNOWLEDGE_S)

    def acknowledge(self, message: aiomqtt.Message) -> None:
        """Lets the broker forget a message that came on this connection, where that is done by hand."""
        self._client.acknowledge(message)

    async def unsubscribe(self, topic: str) -> None:
        """Gives a topic up again.

        Raises:
            BrokerError: The connection is lost.
        """
        with _connection_may_be_lost():
            await self._client.unsubscribe(topic, timeout=ACKNOWLEDGE_S)

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
    the version, so every third attempt at it is in 3.1.1. One that refuses the will because it keeps nothing, or takes
    QoS 0 only, gets a will without.

    Args:
        address: The broker.
        client_id: The same for the life of the process: a broker that still holds our previous connection then ends
            it, last will included, before it accepts the new one, and not after we said `online`.
        keepalive_s: A broker that was silent for so long, though asked meanwhile, counts as gone; it sees us as gone
            after one and a half times as long.
        will: What the broker publishes when a connection dies; in MQTT 5 only if we are not back within WILL_DELAY_S.
        most_unacknowledged: If given, messages are acknowledged by hand, so many may wait for that, the broker sends no
            more, and only MQTT 5 does. A connection then begins anew, and its will is said at once.
    """

    def __init__(
        self,
        address: BrokerAddress,
        *,
        client_id: str,
        keepalive_s: int,
        will: Message | None = None,
        most_unacknowledged: int | None = None,
    ) -> None:
        self._address = address
        self._client_id = client_id
        self._keepalive_s = keepalive_s
        self._will = will
        self._most_unacknowledged = most_unacknowledged
        self._refuses_v5 = False
        self._limits = BrokerLimits()  # as far as refusals have shown
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
        watch = tasks.start(client.watch(self._keepalive_s), name="broker's silence")
        try:
            yield Connection(client, protocol=protocol, properties=self._address.properties)
        except BaseException:
            client.cut()
            raise
        else:
            with suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
        finally:
            watch.cancel()
            self._silences = 0

    async def _open(self) -> tuple[Client, aiomqtt.ProtocolVersion]:
        is_bound = self._most_unacknowledged is not None
        protocol = _V311 if not is_bound and (self._refuses_v5 or self._silences % 3 == 2) else _V5  # noqa: PLR2004
        client = self._new_client(protocol)
        try:
            await client.__aenter__()
        except aiomqtt.MqttCodeError as error:
            if _code(error) == _UNSUPPORTED_PROTOCOL and is_bound:
                msg = "the broker does not speak MQTT 5, which jobs need"
                raise LoginRefusedError(msg) from error
            if _code(error) == _UNSUPPORTED_PROTOCOL and protocol == _V5:
                self._refuses_v5 = True
                return await self._open()
            if (known := _learn(self._limits, _code(error))) != self._limits:
                self._limits = known
                return await self._open()
            msg = _LOGIN_REFUSED.get(_code(error), f"the broker refuses the connection: {error.rc}")
            raise LoginRefusedError(msg) from error
        except (aiomqtt.MqttError, ValueError) as error:  # ValueError: a host name that no resolver takes
            client.cut()
            if not _is_silence(error):
                raise BrokerError(_why_unreachable(error)) from error
            self._silences += 1
            certificate = "no client certificate, " if self._address.tls and not self._address.tls.cert_file else ""
            msg = f"no answer from the broker (wrong password, {certificate}or not an MQTT broker?)"
            raise BrokerError(msg) from error
        return client, protocol

    def _new_client(self, protocol: aiomqtt.ProtocolVersion) -> Client:
        most = self._most_unacknowledged
        delays_will = self._will is not None and protocol == _V5 and self._address.properties and most is None
        properties = _properties(PacketTypes.CONNECT, SessionExpiryInterval=SESSION_S) if delays_will else None
        if most is not None:
            properties = _properties(PacketTypes.CONNECT, ReceiveMaximum=most)
        return Client(
            self._address.host,
            self._address.port,
            username=self._address.user,
            password=self._address.password,
            identifier=self._client_id,
            protocol=protocol,
            # The broker says the will when the session ends; so that has to outlast the connection, and to be resumed.
            clean_start=False if delays_will else MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties,
            by_hand=most is not None,
            max_queued_incoming_messages=None if most is None else 2 * most,  # beyond it, what broke the rules is lost
            will=_will(self._will, self._limits, delayed=delays_will) if self._will else None,
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


@contextmanager
def _connection_may_be_lost() -> Iterator[None]:
    try:
        yield
    except aiomqtt.MqttError as error:
        if _is_silence(error):
            msg = f"the broker has not answered for {ACKNOWLEDGE_S:g} s"
        else:
            said = _broker_reason(error.__cause__ or error)
            msg = f"connection lost: {said}" if said else "connection lost"
        raise BrokerError(msg) from error


def _learn(limits: BrokerLimits, refusal: int) -> BrokerLimits:
    """What is known of a broker's limits after it has refused a connection for this reason."""
    if refusal == _RETAIN_NOT_SUPPORTED:
        return replace(limits, retain_available=False)
    return replace(limits, maximum_qos=0) if refusal == _QOS_NOT_SUPPORTED else limits


def _will(message: Message, limits: BrokerLimits, *, delayed: bool) -> aiomqtt.Will:
    properties = _properties(PacketTypes.WILLMESSAGE, WillDelayInterval=WILL_DELAY_S) if delayed else None
    qos, retain = min(1, limits.maximum_qos), message.retain and limits.retain_available
    return aiomqtt.Will(message.topic, message.payload, qos=qos, retain=retain, properties=properties)


def _refused(topic: str, error: ValueError) -> PublishRefusedError:
    reason = "too large" if isinstance(error, PacketTooLargeError) else "refused"
    return PublishRefusedError(f"{topic!r} cannot be published: {error}", reason=reason)


def _publish_properties(message: Message, now: float) -> Properties:
    user = [(name, value) for name, value in (("schema", message.schema), ("model", message.model)) if value]
    expiry_s = message.remaining_s(now)
    return _properties(
        PacketTypes.PUBLISH,
        PayloadFormatIndicator=None if message.binary else 1,
        ContentType=message.content_type,
        UserProperty=user or None,
        CorrelationData=message.correlation,
        MessageExpiryInterval=None if expiry_s is None else max(1, expiry_s),
    )


def _properties(packet: int, **values: Any) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        if value is not None:
            setattr(properties, name, value)
    return properties


def _code(error: aiomqtt.MqttCodeError) -> int:
    return error.rc.value if isinstance(error.rc, ReasonCode) else error.rc or 0


def _broker_reason(error: BaseException) -> str | None:
    """What the broker gave as reason for ending a connection, such as `Session taken over`."""
    reason = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
    return str(reason) if isinstance(reason, ReasonCode) and reason.value != _UNSPECIFIED else None


def _is_silence(error: Exception) -> bool:
    return str(error) in {TIMED_OUT, HUNG_UP}  # aiomqtt has no types for them


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
