"""Prints what is heard, as it comes, and which nodes are there.

    pip install aiomqtt
    python examples/subscribe.py mqtts://reader@broker.lan --password-file reader.password --ca-file server.crt

It connects again when the connection is lost, asks the broker to keep meanwhile what comes, and drops repeats by their
id: delivery is at least once.
"""

import argparse
import asyncio
import json
import os
import random
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

REMEMBERED = 1000
"""Ids to know repeats by; a repeat comes soon after the first, if at all."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
KEPT_S = 3600
"""How long the broker keeps for us what comes while we are away; readings are worth no more than that."""


async def main(arguments: argparse.Namespace) -> None:
    """Prints until it is interrupted."""
    seen: OrderedDict[str, None] = OrderedDict()
    async for topic, payload in messages(arguments):
        *_, node, stream, what = topic.split("/")
        if what == "availability":
            print(f"{stream}: {payload.decode()}", flush=True)  # such a topic has no level for a stream
            continue
        event = json.loads(payload)
        if event["schema"] != "emotion-monitor/utterance/1" or event["id"] in seen:
            continue
        seen[event["id"]] = None
        if len(seen) > REMEMBERED:
            seen.popitem(last=False)
        who = f"{node}, {event['name']}" if event.get("name") else node
        print(f"{who}: {described(event)}", flush=True)


def described(event: dict[str, Any]) -> str:
    """One reading in a line: the whole distribution, since one word would hide what is mixed."""
    if event["status"] != "ok":
        return f"no reading ({event['reason']})"
    ranked = sorted(event["distribution"].items(), key=lambda item: -item[1])
    shares = ", ".join(f"{emotion} {share:.0%}" for emotion, share in ranked)
    return f"{event['start_s']:.1f} to {event['end_s']:.1f} s: {shares} (ambiguity {event['entropy']:.2f})"


async def messages(arguments: argparse.Namespace) -> AsyncIterator[tuple[str, bytes]]:
    """(topic, payload), over one connection after the other."""
    failures = 0
    while True:
        try:
            async with client_for(arguments) as client:
                failures = 0
                await client.subscribe(
                    [(f"{arguments.base}/+/+/utterance", 1), (f"{arguments.base}/+/availability", 1)]
                )
                async for message in client.messages:
                    yield str(message.topic), bytes(message.payload)
        except aiomqtt.MqttError as error:
            pause_s = random.uniform(0, min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**failures))
            failures = min(failures + 1, 10)
            print(f"{error}; again in {pause_s:.1f} s", flush=True)
            await asyncio.sleep(pause_s)


def client_for(arguments: argparse.Namespace) -> aiomqtt.Client:
    """A client that the broker knows again: the identifier stays the same, and so does the session."""
    url = urlsplit(arguments.url)
    session: Any = Properties(PacketTypes.CONNECT)
    session.SessionExpiryInterval = KEPT_S
    tls = ssl.create_default_context(cafile=arguments.ca_file) if url.scheme == "mqtts" else None
    return aiomqtt.Client(
        url.hostname or "localhost",
        url.port or (8883 if tls else 1883),
        username=url.username,
        password=arguments.password_file.read_text().strip() if arguments.password_file else os.getenv("MQTT_PASSWORD"),
        identifier=arguments.client_id,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=False,
        properties=session,
        keepalive=15,
        tls_context=tls,
    )


def command_line() -> argparse.Namespace:
    """What the user asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="mqtt://[USER@]HOST[:PORT] or mqtts://...")
    parser.add_argument("--password-file", type=Path, help="or set MQTT_PASSWORD")
    parser.add_argument("--ca-file", help="certificate to check the broker's against")
    parser.add_argument("--base", default="emotion", help="first level of the topics")
    parser.add_argument("--client-id", default=f"emotion-example-{os.uname().nodename}", help="one for each program")
    return parser.parse_args()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(command_line()))
