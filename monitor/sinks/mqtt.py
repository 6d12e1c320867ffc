"""Events to an MQTT broker, embedded or not."""

import asyncio
import logging
import random
import time
import uuid
from contextlib import suppress
from typing import Literal, Self

from core.errors import BrokerError
from core.events import Availability, Event, HealthEvent, SinkHealth
from core.settings import MqttSettings
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.connection import Connection, Connector, PublishRefusedError
from monitor.mqtt.messages import Topics, availability_message, availability_of, message_of
from monitor.mqtt.outgoing import Outgoing

logger = logging.getLogger(__name__)

RECONNECT_S = (0.5, 30.0)
DRAIN_S = 3.0
HURRIED_DRAIN_S = 1.0
STABLE_S = 5.0
"""A connection that lasted longer is not part of a series of failures."""


class MqttSink:
    """Publishes to one broker, for as long as the program runs and whatever the broker does.

    The bound is a queue of `mqtt.queue` utterance, drop and error events; `send` never waits. They are published one
    after the other, each when the one before is acknowledged, and kept until then. An event is repeated only on a new
    connection; with the same id, so consumers can tell. State, health and availability are retained: only the newest
    of each is kept, and it is published anew on each connection, since the broker may have lost it.

    On each connection, in this order: subscribe, availability, state and health, what has queued up.

    Availability is `online`, or `degraded` when the last health event says that a part of the node fails, or `offline`:
    as last will, and said by ourselves when the sink closes.

    Args:
        settings: Names, queue length and keep-alive.
        address: The broker: `broker_address(settings)`, or that of an EmbeddedBroker.
        reconnect_s: First and longest pause between attempts; each is a random share of a doubling time.
        drain_s: How long closing may wait without progress to deliver what is queued.

    Raises:
        UsageError: `mqtt.base` is not fit to be a topic.
    """

    name = "mqtt"

    def __init__(
        self,
        settings: MqttSettings,
        address: BrokerAddress,
        *,
        reconnect_s: tuple[float, float] = RECONNECT_S,
        drain_s: float = DRAIN_S,
    ) -> None:
        self.topics = Topics(settings.base, settings.node)
        self._address = address
        self._reconnect_s = reconnect_s
        self._drain_s = drain_s
        self._outgoing = Outgoing(settings.queue)
        self._connector = Connector(
            address,
            client_id=f"emotion-{uuid.uuid4().hex[:15]}",  # 23 characters: every broker must take that many
            keepalive_s=settings.keepalive_s,
            will=availability_message("offline", self.topics),
        )
        self._availability: Availability = "online"
        self._health_every_s = settings.health_every_s
        self._health_at_s = 0.0
        self._parts: tuple[str, ...] = ()
        self._state: Literal["starting", "ok", "degraded", "closed"] = "starting"
        self._detail = f"connecting to {address.url}"
        self._connected: str | None = None  # in a few words, while there is a connection
        self._refused: dict[str, str] = {}  # topic to reason, until the broker takes one there
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._hurried = False
        self._task: asyncio.Task[None]

    async def __aenter__(self) -> Self:
        self._outgoing.push(availability_message(self._availability, self.topics))
        self._task = asyncio.create_task(self._run(), name=self.name)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        self._wake.set()
        while not self._task.done():
            before = self._outgoing.queued
            await asyncio.wait([self._task], timeout=self._drain_s)
            if self._hurried or self._outgoing.queued >= before:
                break
        if not self._task.done() and self._connected:
            self._task.cancel()  # which cuts the connection, so that the broker says offline
            await asyncio.wait([self._task])
        lost = self._outgoing.abandon()
        self._report("closed", f"closed; not delivered: {lost}" if lost else "closed")

    async def send(self, event: Event) -> None:
        """Queues what is published of an event, at once."""
        if isinstance(event, HealthEvent):
            self._announce(availability_of(event, without=self.name))
            if not self._is_due(event):
                return
        message = message_of(event, self.topics)
        if message is not None:
            self._outgoing.push(message)
            self._wake.set()

    def hurry(self) -> None:
        """Closing takes a moment at most, whatever waits."""
        self._hurried = True
        self._drain_s = min(self._drain_s, HURRIED_DRAIN_S)

    def health(self) -> SinkHealth:
        """The connection in a few words, events that wait, and those lost to a full queue, a refusal or closing."""
        return SinkHealth(
            name=self.name,
            state=self._state,
            detail=self._detail,
            queued=self._outgoing.queued,
            dropped=self._outgoing.dropped,
        )

    def _is_due(self, health: HealthEvent) -> bool:
        """Whether `mqtt.health_every_s` has passed since the last one published, or a part of the node changed."""
        working = {"busy": "ready"}.get(health.worker.state, health.worker.state)
        parts = (working, *(stream.state for stream in health.streams))
        if parts == self._parts and health.uptime_s - self._health_at_s < self._health_every_s:
            return False
        self._parts, self._health_at_s = parts, health.uptime_s
        return True

    def _announce(self, availability: Availability) -> None:
        if availability != self._availability:
            self._availability = availability
            self._outgoing.push(availability_message(availability, self.topics))

    def _report(self, state: Literal["ok", "degraded", "closed"], detail: str) -> None:
        if self._state == "closed":  # an attempt to connect that closing did not wait for
            return
        if (state, detail) != (self._state, self._detail):
            logger.log(logging.WARNING if state == "degraded" else logging.INFO, "%s: %s", self.name, detail)
        self._state, self._detail = state, detail

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while True:
            finished = self._closing.is_set()  # then this attempt is the last
            began = clock()
            try:
                async with self._connector.connect() as connection:
                    await self._serve(connection)
                    finished = True
            except BrokerError as error:
                self._report("degraded", f"{error} ({self._address.url})")
            except Exception as error:  # a defect of ours or of the client library costs a connection, not the program
                logger.exception("%s: unexpected failure", self.name)
                self._report("degraded", f"failed: {error!r} ({self._address.url})")
            if finished or self._hurried:
                return
            failures = 0 if clock() - began > STABLE_S else failures
            await self._pause(failures)
            failures += 1

    async def _pause(self, failures: int) -> None:
        first_s, longest_s = self._reconnect_s
        pause_s = random.uniform(0, min(longest_s, first_s * 2.0 ** min(failures, 30)))  # noqa: S311
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), pause_s)

    async def _serve(self, connection: Connection) -> None:
        """Uses a connection until it is lost, which raises, or until everything is said at closing."""
        self._outgoing.restore()
        self._refused.clear()
        self._connected = f"connected {self._address.url} ({connection.protocol})"
        self._report("ok", self._connected)
        tasks = [asyncio.create_task(self._deliver(connection)), asyncio.create_task(self._receive(connection))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._connected = None
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _deliver(self, connection: Connection) -> None:
        await connection.subscribe(self.topics.availability)
        while True:
            self._wake.clear()
            message = self._outgoing.next(time.time())
            if message is None:
                if self._closing.is_set():
                    break
                await self._wake.wait()
                continue
            try:
                await connection.publish(message, time.time())
            except PublishRefusedError as error:
                self._outgoing.refuse()
                self._refused[message.topic] = str(error)
            else:
                self._outgoing.acknowledge()
                self._refused.pop(message.topic, None)
            if self._refused:
                self._report("degraded", next(iter(self._refused.values())))
            else:
                self._report("ok", self._connected or "")
        await connection.publish(availability_message("offline", self.topics), time.time())

    async def _receive(self, connection: Connection) -> None:
        # A broker may take a while to notice that the connection of an earlier run of this node is dead, and then
        # publishes its will over our `online`.
        async for message in connection.messages():
            is_stale_will = message.payload == b"offline" and not message.retain
            if is_stale_will and message.topic.matches(self.topics.availability) and not self._closing.is_set():
                self._outgoing.push(availability_message(self._availability, self.topics))
                self._wake.set()
