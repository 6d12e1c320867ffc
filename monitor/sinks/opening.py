"""Which sinks a run has, and how they are opened."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from core.errors import BrokerError
from core.settings import Settings
from core.wire.commands import Mute, Unmute, WireCommand
from monitor.sinks.jsonl import JsonlSink
from monitor.sinks.sink import FailedSink, Sink
from monitor.sources.source import Source

if TYPE_CHECKING:
    from monitor.mqtt.address import BrokerAddress
    from monitor.sinks.mqtt import MqttSink

log = logging.getLogger(__name__)

Execute = Callable[[WireCommand], Awaitable[None]]
"""Does what a command of the wire says, or raises EmotionMonitorError."""


async def open_sinks(
    settings: Settings, sources: Sequence[Source], execute: Execute, stack: AsyncExitStack
) -> list[Sink]:
    """The sinks that settings and sources ask for, open; what cannot be opened but may be missed is a failed sink.

    Args:
        settings: All of them.
        sources: One that is a server sends its readings back too.
        execute: For sinks through which others may command.
        stack: Closes them.

    Raises:
        UsageError: One can never work as configured.
    """
    lossless = not any(source.realtime for source in sources)
    sinks: list[Sink] = [JsonlSink(spec, settings.output, lossless=lossless) for spec in settings.output.sinks]
    if settings.mqtt.url != "off":
        sinks.append(await _mqtt(settings, execute, stack))
    if any(source.name.startswith(("ws:", "wss:")) for source in sources):
        from monitor.sources.websocket import WebSocketSource

        sinks += [source.server for source in sources if isinstance(source, WebSocketSource)]
    for sink in sinks:
        await stack.enter_async_context(sink)
    return sinks


async def _mqtt(settings: Settings, execute: Execute, stack: AsyncExitStack) -> Sink:
    from monitor.mqtt.address import broker_address

    if settings.mqtt.url != "embedded":
        return _mqtt_at(broker_address(settings.mqtt), settings, execute)
    from monitor.broker import EmbeddedBroker

    try:
        broker = await stack.enter_async_context(EmbeddedBroker())
    except BrokerError as error:
        log.warning("mqtt: %s", error.one_line())
        return FailedSink("mqtt", error.one_line())
    log.info("mqtt: %s", broker.announcement())
    log.info("mqtt: read along with: %s", broker.subscribe_command(f"{settings.mqtt.base}/#"))
    return _mqtt_at(broker.address, settings, execute)


def _mqtt_at(address: "BrokerAddress", settings: Settings, execute: Execute) -> "MqttSink":
    from monitor.mqtt.home_assistant import discovery_message
    from monitor.mqtt.messages import Topics
    from monitor.mqtt.remote import RemoteControl
    from monitor.sinks.mqtt import MqttSink

    mqtt = settings.mqtt
    if mqtt.insecure:
        log.warning("mqtt: %s to %s is allowed by mqtt.insecure", " and ".join(mqtt.insecure), address.url)
    topics = Topics(mqtt.base, mqtt.node)

    async def obey(command: WireCommand) -> None:
        if isinstance(command, Mute | Unmute):
            sink.muted = isinstance(command, Mute)
        else:
            await execute(command)

    greetings = []
    if prefix := mqtt.home_assistant:
        greetings.append(discovery_message(topics, mqtt.node, prefix=prefix, state_valid_s=mqtt.state_valid_s))
    sink = MqttSink(mqtt, address, commands=RemoteControl(topics, mqtt.node, obey), greetings=greetings)
    return sink
