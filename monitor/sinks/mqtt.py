"""Events to an MQTT broker, embedded or not."""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Literal, Self

from core import tasks
from core.errors import BrokerError, UsageError
from core.settings import MqttSettings
from core.wire.events import Availability, DropEvent, Event, LevelEvent, StateEvent, TokensEvent, UtteranceEvent
from core.wire.health import HealthEvent, SinkHealth
from core.wire.values import timestamp
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.connection import Connection, Connector, LoginRefusedError
from monitor.mqtt.exchange import Exchange
from monitor.mqtt.incoming import CommandHandler, Commands
from monitor.mqtt.messages import Message, Topics, availability_message, availability_of, message_of
from monitor.mqtt.outgoing import Entry, Outgoing
from monitor.mqtt.tenure import Tenure
from monitor.outbox import Outbox, outbox_path

logger = logging.getLogger(__name__)

RECONNECT_S = (0.5, 4.0)
REFUSED_S = 30.0
"""Longest pause when the login was refused: that does not heal by itself, and brokers count attempts."""
DRAIN_S = 3.0
HURRIED_DRAIN_S = 1.0
ASK_AGAIN_S = 10.0
"""So often one that has given the node up asks whether it is free."""
STABLE_S = 5.0
"""A connection that lasted longer is not part of a series of failures."""
LEVEL_EVERY_S = 0.25
FIRST_ATTEMPT_S = 2.0
"""Starting waits so long for the first attempt to connect, which may show that the node is taken."""


class MqttSink:
    """Publishes to one broker, for as long as the program runs and whatever the broker does.

    *Delivery.* Utterance, drop and error events are published at least once, in order, and an event that is repeated
    has the same id, so consumers can tell. `send` never waits: an event is handed to the connection and to the outbox
    at the same time, several are in flight at once, and each is kept until the broker acknowledges it. What a program
    leaves in its outbox, killed or not, the next run of the node publishes before anything of its own. What waits is
    bounded by `mqtt.queue` and `mqtt.queue_bytes`; beyond that the oldest is dropped and counted.

    State, health and availability are retained: only the newest of each is kept, in memory. A state that is no longer
    valid is cleared from the broker by an empty message: by us while we run, on mute and when closing; by its expiry
    (MQTT 5) if we are gone; and by the next run of the node.

    *Details*, on request, are how readings came about (tokens, like events but not for long) and levels: at most one
    per stream in LEVEL_EVERY_S, QoS 0, never kept for later.

    *On each connection*, in this order: subscribe, claim the node, availability, greetings, state and health, what
    has queued up.

    *Availability* is `online`, or `degraded` when the last health event says that a part of the node fails or the
    outbox cannot be written, or `offline`: as last will, and said by ourselves when the sink closes.

    *One monitor per node.* On one machine the outbox belongs to one process: the second does not start. Over the
    broker each monitor claims the node on `<base>/<node>/claim` whenever it connects, see `Tenure`. A monitor that
    starts while another is connected learns so and does not start. Two that could not hear each other find out when
    they are both connected; then the one that started later publishes no more. Until then, at most for a round trip,
    both may have published. Every ASK_AGAIN_S it asks whether the other is still there, and takes the node again when
    nobody answers: so a claim that somebody forged silences nobody for longer, and what is lost meanwhile is counted. A
    broker that lets nobody use the claim topic protects nothing.

    Args:
        settings: Names, bounds and keep-alive.
        address: The broker: `broker_address(settings)`, or that of an EmbeddedBroker.
        commands: Takes what arrives on the command topic.
        greetings: Retained messages for each new connection, such as a description of the node for other programs.
        reconnect_s: First and longest pause between attempts; each is a random share of a doubling time.
        drain_s: How long closing may wait without progress to deliver what is queued.

    Raises:
        UsageError: `mqtt.base` is not fit to be a topic, or `mqtt.outbox` is a folder. On entering: another process
            is this node.
    """

    name = "mqtt"

    def __init__(
        self,
        settings: MqttSettings,
        address: BrokerAddress,
        *,
        commands: CommandHandler | None = None,
        greetings: Sequence[Message] = (),
        reconnect_s: tuple[float, float] = RECONNECT_S,
        drain_s: float = DRAIN_S,
    ) -> None:
        self.topics = Topics(settings.base, settings.node)
        self._settings = settings
        self._address = address
        self._reconnect_s = reconnect_s
        self._drain_s = drain_s
        path = outbox_path(settings, address)
        self._outbox = Outbox(path) if path else None
        now = time.time()
        self._outgoing = Outgoing(
            settings.queue, max_bytes=settings.queue_bytes, store=self._outbox, after=round(now * 1e6)
        )
        self._commands = Commands(commands, self._push) if commands else None
        self._greetings = greetings
        client_id = f"emotion-{uuid.uuid4().hex[:15]}"  # 23 characters: every broker must take that many
        self._tenure = Tenure(client_id, timestamp(now))
        self._exchange = Exchange(self.topics, self._outgoing, self._tenure, self._commands)
        self._connector = Connector(
            address,
            client_id=client_id,
            keepalive_s=settings.keepalive_s,
            will=availability_message("offline", self.topics),
        )
        self._availability: Availability = "online"
        self._health_at_s = 0.0
        self._level_due_s: dict[str, float] = {}
        self._parts: tuple[object, ...] = ()
        self._is_muted = False
        self._held_back = 0
        self._state: Literal["starting", "ok", "degraded", "closed"] = "starting"
        self._detail = f"connecting to {address.url}"
        self._attempted = asyncio.Event()
        self._closing = asyncio.Event()
        self._hurried = False
        self._task: asyncio.Task[None]
        self._commanding: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._outbox is not None:
            await self._outbox.open(self._take_back)
        for message in (availability_message(self._availability, self.topics), *self._greetings):
            self._push(message)
        self._task = tasks.keep(self._run, name=self.name)
        if self._commands is not None:
            self._commanding = tasks.keep(self._commands.run, name="commands")
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_ATTEMPT_S):
                    await self._attempted.wait()
        except BaseException:
            await self._give_up()
            raise
        if self._tenure.rival:
            await self._give_up()
            raise self._refusal()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._commanding is not None:
            self._commanding.cancel()
            await asyncio.wait([self._commanding])
        self._closing.set()
        self._exchange.finish()
        while not self._task.done():
            before = self._outgoing.queued
            await asyncio.wait([self._task], timeout=self._drain_s)
            if self._hurried or self._outgoing.queued >= before:
                break
        if not self._task.done() and self._exchange.is_serving:
            self._task.cancel()  # which cuts the connection, so that the broker says offline
            await asyncio.wait([self._task])
        kept = await self._outbox.close() if self._outbox else 0
        lost = self._outgoing.abandon(kept=kept)
        self._report("closed", f"closed; kept for the next run: {kept}" if kept else "closed")
        if lost:
            logger.warning("%s: not delivered: %d", self.name, lost)

    @property
    def muted(self) -> bool:
        """While muted, no readings, drops and levels are published, now or later; availability and health go on."""
        return self._is_muted

    @muted.setter
    def muted(self, muted: bool) -> None:
        self._is_muted = muted
        if muted:
            for message in self._outgoing.withdraw():
                self._push(message)

    async def send(self, event: Event) -> None:
        """Queues what is published of an event, at once."""
        if isinstance(event, HealthEvent):
            outbox_fails = self._outbox is not None and self._outbox.problem is not None
            self._announce("degraded" if outbox_fails else availability_of(event, without=self.name))
            if not self._is_due(event):
                return
        if isinstance(event, LevelEvent) and not self._wants(event):
            return
        details = self._settings.details
        message = message_of(event, self.topics, expiry_s=self._settings.event_valid_s, details=details)
        if message is None:
            return
        if message.qos == 0:
            self._exchange.tell(message)
        elif self._is_muted and isinstance(event, UtteranceEvent | StateEvent | DropEvent | TokensEvent):
            self._held_back += 1
        elif not self._tenure.rival:
            self._push(message)
        elif not message.retain:
            self._outgoing.dropped["node taken"] += 1

    def hurry(self) -> None:
        """Closing takes a moment at most, whatever waits."""
        self._hurried = True
        self._drain_s = min(self._drain_s, HURRIED_DRAIN_S)

    def health(self) -> SinkHealth:
        """The connection in a few words, events that wait, and those lost, with the reasons."""
        state, details = self._state, [self._detail]
        if state == "ok" and self._exchange.refused:
            state, details = "degraded", [next(iter(self._exchange.refused.values()))]
        if self._outbox is not None and self._outbox.problem and state != "closed":
            state = "degraded"
            details.append(f"outbox: {self._outbox.problem}, {self._outbox.unsaved} in memory only")
        if self._is_muted:
            details.append(f"muted: {self._held_back} held back")
        if self._commands is not None and self._commands.turned_away:
            details.append(f"commands turned away: {self._commands.turned_away}")
        if dropped := self._outgoing.dropped:
            details.append("lost: " + ", ".join(f"{count} {reason}" for reason, count in dropped.items()))
        return SinkHealth(
            name=self.name,
            state=state,
            detail="; ".join(details),
            queued=self._outgoing.queued,
            dropped=dropped.total(),
        )

    async def _give_up(self) -> None:
        self._state = "closed"  # nobody needs to be told that what did not start has ended
        self.hurry()
        await self.__aexit__()

    def _push(self, message: Message) -> None:
        self._exchange.push(message)

    def _take_back(self, entries: list[Entry]) -> None:
        """Events that an earlier run has left."""
        if entries:
            logger.info("%s: %d events of an earlier run are published first", self.name, len(entries))
        self._exchange.refill(entries)

    def _wants(self, level: LevelEvent) -> bool:
        """Whether a level is worth publishing now."""
        now_s = time.monotonic()
        if not self._settings.details or self._is_muted or now_s < self._level_due_s.get(level.stream, 0.0):
            return False
        self._level_due_s[level.stream] = now_s + LEVEL_EVERY_S
        return True

    def _is_due(self, health: HealthEvent) -> bool:
        """Whether `mqtt.health_every_s` has passed since the last one published, or a part of the node was changed."""
        working = {"busy": "ready"}.get(health.worker.state, health.worker.state)
        parts = (working, health.tuning, health.recording, *(stream.state for stream in health.streams))
        if parts == self._parts and health.uptime_s - self._health_at_s < self._settings.health_every_s:
            return False
        self._parts, self._health_at_s = parts, health.uptime_s
        return True

    def _announce(self, availability: Availability) -> None:
        if availability != self._availability:
            self._availability = availability
            self._push(availability_message(availability, self.topics))

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
            longest_s = self._reconnect_s[1]
            try:
                async with self._connector.connect() as connection:
                    await self._exchange.serve(connection, partial(self._established, connection))
                    finished = not self._tenure.yields
            except LoginRefusedError as error:
                self._report("degraded", f"{error} ({self._address.url})")
                longest_s = max(longest_s, REFUSED_S)
            except BrokerError as error:
                self._report("degraded", f"{error} ({self._address.url})")
            except Exception as error:  # a defect of ours or of the client library costs a connection, not the program
                logger.exception("%s: unexpected failure", self.name)
                self._report("degraded", f"failed: {error!r} ({self._address.url})")
            if self._tenure.yields and self._attempted.is_set():  # before, it is an error and not a state
                self._report("degraded", self._refusal().one_line())
            self._attempted.set()
            if finished or self._hurried:
                return
            if self._tenure.yields:
                await self._pause(ASK_AGAIN_S)
                if self._closing.is_set():
                    return
                self._exchange.ask_again()
                continue
            failures = 0 if clock() - began > STABLE_S else failures
            longest_s = min(longest_s, self._reconnect_s[0] * 2.0 ** min(failures, 30))
            await self._pause(random.uniform(0, longest_s))  # noqa: S311
            failures += 1

    def _established(self, connection: Connection) -> None:
        details = (f"connected {self._address.url} ({connection.protocol})", *connection.limits.remarks)
        self._report("ok", "; ".join(details))
        self._attempted.set()

    async def _pause(self, pause_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._closing.wait()

    def _refusal(self) -> UsageError:
        rival = self._tenure.rival
        where = f" as process {rival.pid} on {rival.host}" if rival else ""
        msg = f"node {self._settings.node} runs already{where} ({self._address.url})"
        return UsageError(msg, hint="stop it, or give this one another name with mqtt.node")
