"""Keeps a connection to a broker for a dashboard: what monitors elsewhere say, and what they are asked."""

import asyncio
import logging
import random
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from core import tasks
from core.errors import BrokerError
from core.settings import MqttSettings
from core.wire.commands import (
    WIRE_COMMANDS,
    Answer,
    Command,
    CommandError,
    SwitchSource,
    WireCommand,
    command_name,
    decode_answer,
    encode_command,
)
from core.wire.events import ErrorEvent, Event
from core.wire.health import SinkHealth
from core.wire.values import timestamp
from monitor.dashboard.state import absence
from monitor.dashboard.state.view_model import DashboardState
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.connection import Connection, Connector, LoginRefusedError
from monitor.mqtt.messages import Message
from monitor.sinks.mqtt import RECONNECT_S, REFUSED_S, STABLE_S
from monitor.watch import afar
from monitor.watch.nodes import News, Nodes

log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""A node that takes commands has answered by then."""
TICK_S = 1.0
"""How often it is looked for what time alone changes."""


class Screen(Protocol):
    """What shows it all; DashboardApp does."""

    state: DashboardState

    def post_event(self, event: Event) -> None:
        """Takes one event."""

    def show_state(self, state: DashboardState) -> None:
        """Shows another state at once."""

    def say(self, text: str) -> None:
        """Shows a line of text for a while."""


class Watcher:
    """One broker, connected to again and again as a node does it.

    Args:
        settings: Base and keep-alive.
        address: The broker.
        node: Name of the only node to show; None: all.
    """

    def __init__(self, settings: MqttSettings, address: BrokerAddress, node: str | None) -> None:
        self._base = settings.base
        self._address = address
        self._node = node
        self._nodes = Nodes(settings.base, node)
        self._client = f"emotion-{uuid.uuid4().hex[:15]}"
        self._connector = Connector(address, client_id=self._client, keepalive_s=settings.keepalive_s)
        self._connection: Connection | None = None
        self._connected_at_s = 0.0
        self._was_connected = False
        self._trouble = ""
        self._asked: dict[str, tuple[str, str, float]] = {}  # id to node, command and when
        self._screen: Screen
        self._looking_at: Callable[[], str | None] = lambda: None

    def remark(self) -> str:
        """What is wrong between here and there, in one line; empty: nothing."""
        where = self._address.url
        if self._connection is None:
            if self._was_connected:
                return f"The broker is lost: what is shown is from before. Trying again ({where}: {self._trouble})"
            return (
                f"No broker yet, trying again: {self._trouble} ({where})" if self._trouble else f"Connecting to {where}"
            )
        return self._nodes.remark(where, connected_s=time.monotonic() - self._connected_at_s)

    def welcome(self) -> tuple[str, str]:
        """What stands in the place of streams while there are none: a headline and a line below it."""
        if self._connection is None:
            return f"Connecting to {self._address.url}", "It is tried again and again."
        return f"Waiting for {self._node or 'a monitor'}", f"Connected to {self._address.url}, base {self._base}."

    async def run(self, screen: Screen, looking_at: Callable[[], str | None]) -> None:
        """Until it is cancelled.

        Args:
            screen: Shows it all.
            looking_at: Name of the stream that commands are meant for.
        """
        self._screen, self._looking_at = screen, looking_at
        self._show_health()
        ticking = tasks.keep(self._tick, name="watch: time")
        failures = 0
        try:
            while True:
                began_s, longest_s = time.monotonic(), RECONNECT_S[1]
                try:
                    async with self._connector.connect() as connection:
                        await self._listen(connection)
                except LoginRefusedError as error:
                    self._trouble, longest_s = str(error), REFUSED_S
                except BrokerError as error:
                    self._trouble = str(error)
                except Exception:  # a defect of ours costs a connection, not the watch
                    log.exception("a connection ended unexpectedly")
                    self._trouble = "an error of this program, see the log"
                finally:
                    self._connection = None
                log.info("%s: %s", self._address.url, self._trouble)
                self._show_health()
                failures = 0 if time.monotonic() - began_s > STABLE_S else failures
                await asyncio.sleep(random.uniform(0, min(longest_s, RECONNECT_S[0] * 2.0 ** min(failures, 30))))  # noqa: S311
                failures += 1
        finally:
            ticking.cancel()

    def command(self, command: Command) -> None:
        """Sends what the user asked for to the node of the stream that is looked at; returns at once."""
        if not isinstance(command, WIRE_COMMANDS):
            return
        stream = self._looking_at()
        node = afar.node_of(stream) if stream else next(iter(self._nodes.shown), None)
        if self._connection is None or node is None:
            self._refuse("nobody", command_name(command), "there is no connection" if node else "no node is there")
            return
        ask = self._ask(self._connection, node, command)
        tasks.start(ask, name="watch: command")

    async def _ask(self, connection: Connection, node: str, command: WireCommand) -> None:
        number = uuid.uuid4().hex[:12]
        if isinstance(command, SwitchSource) and command.stream:
            command = replace(command, stream=command.stream.partition("/")[2])
        command = replace(command, id=number, reply_to=afar.answer_topic(self._base, node, self._client))
        self._asked[number] = (node, command_name(command), time.monotonic())
        message = Message(topic=afar.command_topic(self._base, node), payload=encode_command(command))
        try:
            await connection.publish(message, time.time())
        except BrokerError as error:
            self._asked.pop(number, None)
            self._refuse(node, command_name(command), str(error))

    async def _listen(self, connection: Connection) -> None:
        for topic in afar.filters(self._base, self._node, self._client):
            await connection.subscribe(topic)
        self._connection, self._connected_at_s = connection, time.monotonic()
        self._was_connected, self._trouble = True, ""
        log.info("connected %s", self._address.url)
        self._show_health()
        async for message in connection.messages():
            payload = message.payload if isinstance(message.payload, bytes) else b""
            origin = afar.origin(str(message.topic), self._base)
            if origin and origin.kind == "answer":
                self._hear_answer(payload)
            elif origin:
                self._show(self._nodes.push(origin, payload, retained=bool(message.retain), now=time.time()))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                self._expire()
            except Exception:  # likewise
                log.exception("what is out of date could not be told")

    def _expire(self) -> None:
        self._show(self._nodes.expire(time.time()))
        late = [number for number, (_, _, at_s) in self._asked.items() if time.monotonic() - at_s > ANSWER_S]
        for number in late:
            node, name, _ = self._asked.pop(number)
            self._refuse(node, name, "no answer", hint="may you command it? see docs/mqtt.md")

    def _show(self, news: News) -> None:
        screen = self._screen
        for event in news.events:
            screen.post_event(event)
        if news.health:
            self._show_health()
        state = screen.state
        if news.gone:
            state = absence.without(state, news.gone)
        if news.offline:
            state = absence.told(state, dict.fromkeys(news.offline, absence.OFFLINE))
        for stream, reason in news.expired.items():
            state = absence.expired(state, stream, reason)
        if state is not screen.state:
            screen.show_state(state)

    def _show_health(self) -> None:
        """Also settles what a key has promised."""
        link = SinkHealth(
            name="mqtt",
            state="ok" if self._connection else "degraded" if self._was_connected else "starting",
            detail=self._trouble or self._address.url,
            queued=0,
            dropped=0,
        )
        self._screen.post_event(self._nodes.health(link, time.time()))

    def _hear_answer(self, payload: bytes) -> None:
        with suppress(CommandError):
            answer = decode_answer(payload)
            asked = self._asked.pop(answer.id or "", None)
            if asked:
                self._say_answer(asked[0], asked[1], answer)

    def _say_answer(self, node: str, name: str, answer: Answer) -> None:
        if answer.ok:
            self._screen.say(f"{node}: {name.replace('_', ' ')} done.")
        else:
            self._refuse(node, name, answer.error or "no reason given", hint=answer.hint)

    def _refuse(self, node: str, name: str, why: str, *, hint: str | None = None) -> None:
        message = (
            f"{node} refused {name.replace('_', ' ')}: {why}" if why != "no answer" else f"{node}: {why} to {name}"
        )
        self._screen.post_event(ErrorEvent(at=timestamp(time.time()), where="command", message=message, hint=hint))
        self._show_health()
