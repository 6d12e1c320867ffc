"""The network is gone for a minute, without a word: packets vanish, sockets stay open. `make test-faults` runs it."""

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from core.wire.events import UtteranceEvent, decode

log = logging.getLogger(__name__)

pytestmark = [pytest.mark.faults, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
KEEPALIVE_S = 10
DROP_S = 60.0
HEALED_S = 15.0
"""A connection attempt that is under way when the network comes back takes up to 5 s to fail, a pause 4 s."""
OURS, THEIRS = "10.213.77.1", "10.213.77.2"
PORT = 1883

PUBLISHER = """
import asyncio, json, sys, time
from core.settings import MqttSettings
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.connection import Connector
from monitor.sinks.mqtt import MqttSink
from tests.sample_events import health, state, utterance

attempts = 0
opening = Connector._open
async def counted(self):
    global attempts
    attempts += 1
    return await opening(self)
Connector._open = counted

async def main(host, port, keepalive_s, outbox):
    settings = MqttSettings(node="desk", keepalive_s=keepalive_s, outbox=outbox)
    number = 0
    async with MqttSink(settings, BrokerAddress(host=host, port=port)) as sink:
        while True:
            number += 1
            await sink.send(utterance(number))
            await sink.send(state(number))
            await sink.send(health(uptime_s=number / 10))
            report = sink.health()
            print(json.dumps({"at": time.monotonic(), "sent": number, "attempts": attempts, "state": report.state,
                              "detail": report.detail, "queued": report.queued, "lost": report.dropped}), flush=True)
            await asyncio.sleep(0.1)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
"""


@dataclass
class Lines:
    """What a program prints, as it prints it."""

    process: "subprocess.Popen[str]"
    seen: list[tuple[float, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            if line.startswith("{"):
                self.seen.append((time.monotonic(), json.loads(line)))

    def until(self, what: str, condition: Callable[[Any], bool], *, after: float, within_s: float) -> tuple[float, Any]:
        """The first line after a moment for which a condition holds."""
        deadline = after + within_s
        while True:
            late = time.monotonic() > deadline
            found = [(at, line) for at, line in list(self.seen) if at >= after and condition(line)]
            if found:
                return found[0]
            assert not late, f"no {what} within {within_s} s; last {self.seen[-1:]}"
            time.sleep(0.05)


class Network:
    """Two hosts of our own and a wire between them."""

    def __init__(self) -> None:
        self.ours, self.theirs = f"emotion-a{os.getpid()}", f"emotion-b{os.getpid()}"

    def make(self) -> str | None:
        """Why it cannot be made, or None."""
        if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "tc"))):
            return "needs root, ip and tc"
        for command in (
            f"ip netns add {self.ours}",
            f"ip netns add {self.theirs}",
            f"ip -n {self.ours} link add name wire type veth peer name wire netns {self.theirs}",
            f"ip -n {self.ours} addr add {OURS}/30 dev wire",
            f"ip -n {self.theirs} addr add {THEIRS}/30 dev wire",
            f"ip -n {self.theirs} link set lo up",
            f"ip -n {self.ours} link set wire up",
            f"ip -n {self.theirs} link set wire up",
        ):
            done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
            if done.returncode:
                return f"{command}: {done.stderr.strip()}"
        return None

    def remove(self) -> None:
        for name in (self.ours, self.theirs):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def drop(self, *, everything: bool) -> None:
        """Every packet vanishes in a queue that has no room, as with iptables DROP; or none any more."""
        change = "add dev wire root bfifo limit 1" if everything else "del dev wire root"
        for name in (self.ours, self.theirs):
            subprocess.run(["tc", "-n", name, "qdisc", *change.split()], check=True, capture_output=True)

    @contextmanager
    def running(self, host: str, *command: object) -> Iterator[Lines]:
        words = ["ip", "netns", "exec", host, *map(str, command)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
        try:
            yield Lines(process)
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network()
    try:
        if reason := network.make():
            pytest.skip(f"no network namespaces here: {reason}")
        yield network
    finally:
        network.remove()


def listens(host: str) -> bool:
    look = ["ip", "netns", "exec", host, "cat", "/proc/net/tcp"]
    return f":{PORT:04X}" in subprocess.run(look, capture_output=True, text=True, check=True).stdout


@pytest.mark.system
@pytest.mark.usefixtures("need_mosquitto_sub")
@pytest.mark.fault(3, "every packet dropped, sockets open, keepalive 10 s")
def test_a_minute_without_network_is_noticed_and_healed_and_costs_no_event(network, measured, tmp_path):
    configuration = tmp_path / "mosquitto.conf"
    configuration.write_text(f"listener {PORT} 0.0.0.0\nallow_anonymous true\nuser root\n")
    broker = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    subscribe = ("stdbuf", "-oL", "mosquitto_sub", "-h", THEIRS, "-t", "emotion/#", "-q", "1", "-V", "5", "-F", "%j")
    publish = (sys.executable, "-c", PUBLISHER, THEIRS, PORT, KEEPALIVE_S, tmp_path / "outbox")
    began = time.monotonic()
    with network.running(network.theirs, broker, "-c", configuration):
        while not listens(network.theirs):
            time.sleep(0.05)
        with network.running(network.theirs, *subscribe) as heard, network.running(network.ours, *publish) as publisher:
            publisher.until("connection", lambda line: line["state"] == "ok", after=began, within_s=60)
            heard.until("event", lambda line: line["topic"].endswith("/utterance"), after=began, within_s=60)
            time.sleep(3)
            network.drop(everything=True)
            gone = time.monotonic()
            noticed, report = publisher.until(
                "loss", lambda line: line["state"] == "degraded", after=gone, within_s=1.5 * KEEPALIVE_S
            )
            log.info("noticed after %.1f s: %s", noticed - gone, report["detail"])
            will, _ = heard.until("will", lambda line: line["payload"] == "offline", after=gone, within_s=DROP_S - 10)
            log.info("others were told after %.1f s", will - gone)
            time.sleep(max(0.0, gone + DROP_S - time.monotonic()))
            network.drop(everything=False)
            back = time.monotonic()
            online, _ = heard.until("online", lambda line: line["payload"] == "online", after=back, within_s=HEALED_S)
            caught_up, after = publisher.until("rest", lambda line: line["queued"] <= 1, after=online, within_s=20)
            log.info("back in touch: online after %.1f s, nothing waits after %.1f s", online - back, caught_up - back)
            heard.until(
                "last event",
                lambda line: (
                    line["topic"].endswith("/utterance") and json.loads(line["payload"])["seq"] >= after["sent"]
                ),
                after=online,
                within_s=20,
            )
            seen = list(heard.seen)
    payloads = [line["payload"] for _, line in seen if line["topic"].endswith("/utterance")]
    events = [event for event in map(decode, payloads) if isinstance(event, UtteranceEvent)]
    numbers = list(dict.fromkeys(event.seq for event in events))
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= after["sent"]
    assert len({event.id for event in events}) == len(numbers)
    repeats, attempts = len(events) - len(numbers), after["attempts"]
    log.info("%d events, %d of them twice, %d attempts to connect", len(numbers), repeats, attempts)
    measured(detected_s=noticed - gone, healed_s=online - back, lost=after["lost"])
    assert after["lost"] == 0
    assert attempts <= 1 + DROP_S + HEALED_S
