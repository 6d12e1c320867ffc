"""A real mosquitto, `mosquitto_sub` as a separate program, and a wire between that can be cut.

Fixtures: `mosquitto` is a running broker without password; `subscribe` starts subscribers and ends them after the
test. Both skip, saying so, where mosquitto is not installed (`apt install mosquitto mosquitto-clients`).
"""

import asyncio
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Self

import pytest

from monitor.mqtt.address import BrokerAddress
from tests.installed import PATH, need
from tests.patience import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Received:
    """One message as mosquitto_sub saw it; `properties` are those of MQTT 5."""

    topic: str
    payload: str
    qos: int
    retain: bool
    properties: dict[str, Any]

    @property
    def json(self) -> Any:
        """The payload of an event."""
        return json.loads(self.payload)

    def on(self, topic: str) -> Self:
        """The same on another topic."""
        return replace(self, topic=topic)


class Mosquitto:
    """A broker on a free port of 127.0.0.1, with a configuration of its own; it can be killed and started again.

    Args:
        folder: Where its files go.
        options: More lines of configuration; the listener is set.
        anonymous: Whether no password is needed.
    """

    def __init__(self, folder: Path, *options: str, anonymous: bool = True) -> None:
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.address = BrokerAddress(host="127.0.0.1", port=self.port)
        self.log = folder / "mosquitto.log"
        self._configuration = folder / "mosquitto.conf"
        lines = (f"listener {self.port} 127.0.0.1", f"allow_anonymous {str(anonymous).lower()}", "user root", *options)
        self._configuration.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Starts it, and returns when it accepts connections."""
        program = shutil.which("mosquitto", path=PATH)
        assert program
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([program, "-v", "-c", self._configuration], stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            assert self._process.poll() is None, self.log.read_text()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return self
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Subscriber:
    """A `mosquitto_sub` process that has subscribed by the time it is made.

    Args:
        port: Of a broker on 127.0.0.1.
        topic: Filter.
        version: `5` or `311`.
        options: More arguments of mosquitto_sub.
    """

    def __init__(self, port: int, topic: str = "#", *, version: str = "5", options: tuple[str, ...] = ()) -> None:
        self.received: list[Received] = []
        self._new: Queue[Received | str | None] = Queue()
        command = [
            "stdbuf",
            "-oL",
            "mosquitto_sub",
            "-p",
            str(port),
            "-t",
            topic,
            "-q",
            "1",
            "-V",
            f"mqttv{version}",
            "-F",
            "%j",
            "-d",
        ]
        self._process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._await("a subscription", lambda line: isinstance(line, str) and line.startswith("Subscribed"))
        except BaseException:
            self.close()
            raise

    def until(self, what: str, condition: Callable[[list[Received]], bool]) -> list[Received]:
        """Everything received, once the condition holds for it; fails the test if it never does."""
        if not condition(self.received):
            self._await(what, lambda _: condition(self.received))
        return list(self.received)

    def payloads(self, topic_end: str) -> list[str]:
        """Payloads received so far on topics with this end, in order."""
        return [message.payload for message in self.received if message.topic.endswith(topic_end)]

    def finish(self) -> list[Received]:
        """Everything received from a broker that is gone; ends the process."""
        time.sleep(0.1)  # for what is still in the socket
        self.close()
        while (new := self._new.get()) is not None:
            if isinstance(new, Received):
                self.received.append(new)
        return self.received

    def close(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.wait()
        self._reader.join()

    def _await(self, what: str, condition: Callable[[Received | str | None], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                new = self._new.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                pytest.fail(f"no {what} within {PATIENCE_S:.0f} s; received {self.received}")
            assert new is not None, f"mosquitto_sub ended before {what}"
            if isinstance(new, Received):
                self.received.append(new)
            if condition(new):
                return

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as output:
            for line in output:
                self._new.put(_parse(line) if line.startswith("{") else line)
        self._new.put(None)


class Wire:
    """A TCP proxy to a broker: connections through it can be refused, cut, or lose what the broker answers.

    Args:
        port: Of the broker on 127.0.0.1.
        refuse_mqtt5: Answer CONNECT in MQTT 5 as a broker does that knows only 3.1.1: a CONNACK with this code.
    """

    def __init__(self, port: int, *, refuse_mqtt5: bytes | None = None) -> None:
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.address = BrokerAddress(host="127.0.0.1", port=self.port)
        self.connections = 0
        self._target = port
        self._refusal = refuse_mqtt5
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._swallows_answers = False

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def cut(self) -> None:
        """Ends all connections and refuses new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._open:
            writer.transport.abort()

    async def mend(self) -> None:
        """Accepts connections."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def swallow_answers(self, *, swallow: bool = True) -> None:
        """Lets through what is said to the broker, but not what it answers."""
        self._swallows_answers = swallow

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            first = await reader.read(4096)
            _, _, level = first.partition(b"MQTT")
            if self._refusal is not None and level.startswith(b"\x05"):
                writer.write(self._refusal)
                await writer.drain()
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._open.add(far_writer)
            far_writer.write(first)
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer, is_answer=True))
        except OSError:
            pass
        finally:
            writer.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        while data := await reader.read(65536):
            if not (is_answer and self._swallows_answers):
                writer.write(data)
        writer.close()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _parse(line: str) -> Received:
    message = json.loads(line)
    return Received(
        topic=message["topic"],
        payload=message.get("payload") or "",
        qos=message["qos"],
        retain=bool(message["retain"]),
        properties=message.get("properties", {}),
    )


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Starts a broker with more lines of configuration; killed after the test."""
    need("mosquitto")
    made: list[Mosquitto] = []

    def make(*options: str, anonymous: bool = True) -> Mosquitto:
        folder = tmp_path / f"mosquitto{len(made)}"
        folder.mkdir()
        made.append(Mosquitto(folder, *options, anonymous=anonymous))
        return made[-1].start()

    yield make
    for broker in made:
        broker.kill()


@pytest.fixture
def mosquitto(make_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """A running broker without password."""
    return make_mosquitto()


@pytest.fixture
def need_mosquitto_sub() -> None:
    """Skips where there is no mosquitto_sub."""
    need("mosquitto_sub")


@pytest.fixture
def subscribe(need_mosquitto_sub: None) -> Iterator[Callable[..., Subscriber]]:  # noqa: ARG001
    """Starts mosquitto_sub: `subscribe(mosquitto.port, "emotion/#")`; ended after the test."""
    made: list[Subscriber] = []

    def make(port: int, topic: str = "#", *, version: str = "5", options: tuple[str, ...] = ()) -> Subscriber:
        made.append(Subscriber(port, topic, version=version, options=options))
        return made[-1]

    yield make
    for subscriber in made:
        subscriber.close()
