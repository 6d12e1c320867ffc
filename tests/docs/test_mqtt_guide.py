"""docs/mqtt.md is done as it is written: its five commands, its settings, its commands to a node, its messages."""

import asyncio
import json
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import jsonschema
import pytest

from core.errors import BrokerError
from core.settings import MqttSettings
from core.wire.json_schema import json_schemas
from monitor.mqtt import connection
from monitor.mqtt.address import BrokerAddress, broker_address
from monitor.mqtt.connection import Connector, PublishRefusedError
from monitor.mqtt.messages import Message
from tests.certificates import authority
from tests.installed import PATH, need
from tests.mosquitto import free_port
from tests.patience import PATIENCE_S
from tests.program import REPOSITORY, long_talk, running

__all__ = ["authority"]

GUIDE = (REPOSITORY / "docs" / "mqtt.md").read_text()
HERE = """
hostname() { echo localhost; }
sudo() { "$@"; }
apt() { :; }
systemctl() { :; }
chown() { :; }
set -e
"""
"""What the commands mean in the test: nothing is installed, and the folder is ours."""


def blocks(language: str, *, after: str = "") -> list[str]:
    """Code blocks of the guide, of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE[GUIDE.index(after) :], re.DOTALL | re.MULTILINE)


@dataclass(slots=True)
class SharedBroker:
    """mosquitto as the guide sets it up; `home` is where the passwords and the certificate are."""

    home: Path
    etc: Path
    port: int = field(default_factory=free_port)
    websocket: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def set_up(self) -> None:
        """The five commands, one after the other."""
        (self.home / "config").symlink_to(REPOSITORY / "config")
        (self.etc / "conf.d").mkdir(parents=True)
        commands = blocks("sh", after="## A shared broker in five commands")[0]
        assert len(commands.splitlines()) == 5
        self.shell(commands.replace("/etc/mosquitto", str(self.etc)))

    def shell(self, script: str) -> str:
        """Runs lines of the guide in `home`, and gives what they print."""
        done = subprocess.run(
            ["bash", "-c", HERE + script],
            cwd=self.home,
            env={"PATH": PATH, "HOME": str(self.home)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *uncommented: str) -> None:
        """mosquitto with the shipped configuration, on free ports; paragraphs of comments with a word become lines."""
        file = self.etc / "conf.d" / "emotion.conf"
        text = file.read_text().replace("/etc/mosquitto", str(self.etc))
        paragraphs = text.split("\n\n")
        for word in uncommented:
            (number,) = (n for n, paragraph in enumerate(paragraphs) if f"#{word}" in paragraph)
            paragraphs[number] = re.sub(r"^#(?=\w)", "", paragraphs[number], flags=re.MULTILINE)
        text = "\n\n".join(paragraphs)
        file.write_text(text.replace("listener 8883", f"listener {self.port}").replace("8884\n", f"{self.websocket}\n"))
        main = self.etc / "mosquitto.conf"
        main.write_text(f"include_dir {self.etc / 'conf.d'}\nuser root\n")
        program = shutil.which("mosquitto", path=PATH)
        assert program
        log = self.home / "mosquitto.log"
        with log.open("wb") as output:
            self.process = subprocess.Popen([program, "-v", "-c", main], stdout=output, stderr=output)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def stop(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def address(self, user: str, **settings: str) -> BrokerAddress:
        """As the guide's settings name it."""
        files = {"password_file": str(self.home / f"{user}.password"), "ca_file": str(self.home / "server.crt")}
        url = f"mqtts://{user}@localhost:{self.port}"
        return broker_address(MqttSettings(url=url, **{**files, **settings}), {})


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[SharedBroker]:
    need("bash", "mosquitto", "mosquitto_passwd", "mosquitto_rr", "openssl")
    folder = tmp_path_factory.mktemp("guide")
    (folder / "home" / ".config").mkdir(parents=True)
    broker = SharedBroker(home=folder / "home", etc=folder / "etc")
    broker.set_up()
    broker.start("listener 8884")
    yield broker
    broker.stop()


async def say(address: BrokerAddress, topic: str, payload: bytes = b"{}") -> None:
    async with Connector(address, client_id=f"test-{time.monotonic_ns()}", keepalive_s=15).connect() as connected:
        await connected.publish(Message(topic=topic, payload=payload), time.time())


OWN = "emotion/kitchen/s1/utterance"


@pytest.mark.system
class TestTheSharedBroker:
    """What config/mosquitto.conf and config/mosquitto.acl let through."""

    @pytest.mark.parametrize(
        ("user", "topic"),
        [
            ("kitchen", OWN),
            ("kitchen", "emotion/kitchen/availability"),
            ("kitchen", "homeassistant/device/kitchen/emotion-monitor/config"),
            ("operator", "emotion/kitchen/cmd"),
            ("operator", "emotion/hall/cmd"),
        ],
    )
    async def test_each_may_say_what_it_is_for(self, broker, user, topic):
        await say(broker.address(user), topic)

    @pytest.mark.parametrize(
        ("user", "topic"),
        [
            ("kitchen", "emotion/hall/availability"),
            ("kitchen", "emotion/hall/s1/utterance"),
            ("kitchen", "emotion/hall/cmd"),
            ("kitchen", "emotion/kitchen2/availability"),
            ("kitchen", "homeassistant/device/hall/emotion-monitor/config"),
            ("kitchen", "homeassistant/status"),
            ("kitchen", "elsewhere"),
            ("reader", OWN),
            ("reader", "emotion/kitchen/cmd"),
            ("reader", "emotion/reader/availability"),
            ("reader", "homeassistant/device/reader/emotion-monitor/config"),
            ("operator", "emotion/kitchen/availability"),
            ("operator", "emotion/operator/availability"),
        ],
    )
    async def test_nobody_may_say_anything_else(self, broker, user, topic):
        with pytest.raises(PublishRefusedError, match="Not authorized"):
            await say(broker.address(user), topic)

    async def test_a_reader_hears_all_nodes_and_a_node_hears_itself_only(self, broker):
        heard: dict[str, list[str]] = {"reader": [], "kitchen": []}
        async with asyncio.timeout(PATIENCE_S):
            readers = {
                user: Connector(broker.address(user), client_id=f"hears-{user}", keepalive_s=15) for user in heard
            }
            async with readers["reader"].connect() as all_, readers["kitchen"].connect() as own:
                await all_.subscribe("emotion/#")
                await own.subscribe("emotion/#")
                await say(broker.address("operator"), "emotion/hall/cmd")
                await say(broker.address("operator"), "emotion/kitchen/cmd")
                for user, connected in (("reader", all_), ("kitchen", own)):
                    async for message in connected.messages():
                        heard[user].append(str(message.topic))
                        if message.topic.matches("emotion/kitchen/cmd"):
                            break
        assert heard == {"reader": ["emotion/hall/cmd", "emotion/kitchen/cmd"], "kitchen": ["emotion/kitchen/cmd"]}

    async def test_nobody_gets_in_without_a_password_or_with_a_wrong_one(self, broker, tmp_path):
        with pytest.raises(BrokerError, match="password"):
            await say(broker.address("kitchen", password_file="", insecure=("anonymous",)), OWN)
        (tmp_path / "wrong").write_text("wrong")
        with pytest.raises(BrokerError, match="password"):
            await say(broker.address("kitchen", password_file=str(tmp_path / "wrong")), OWN)
        with pytest.raises(BrokerError, match="password"):
            await say(broker.address("stranger", password_file=str(broker.home / "kitchen.password")), OWN)

    async def test_nobody_gets_in_unencrypted(self, broker):
        with pytest.raises(BrokerError):
            await say(BrokerAddress(host="localhost", port=broker.port, user="kitchen", password="x"), OWN)  # noqa: S106

    async def test_a_message_that_is_too_long_is_not_taken(self, broker, monkeypatch):
        monkeypatch.setattr(connection, "ACKNOWLEDGE_S", 1.0)
        await say(broker.address("kitchen"), OWN, b"x" * 60_000)
        with pytest.raises(BrokerError):
            await say(broker.address("kitchen"), OWN, b"x" * 70_000)

    async def test_passwords_are_on_disk_for_their_user_only_and_hashed_at_the_broker(self, broker):
        assert (broker.home / "kitchen.password").stat().st_mode & 0o077 == 0
        assert (broker.etc / "emotion").stat().st_mode & 0o077 == 0
        kept = (broker.etc / "emotion" / "passwords").read_text()
        assert [line.split(":")[1][:3] for line in kept.splitlines()] == ["$7$"] * 3
        assert (broker.home / "kitchen.password").read_text().strip() not in kept

    async def test_a_browser_may_come_by_websocket_with_the_same_rights(self, broker):
        password = (broker.home / "reader.password").read_text().strip()
        context = ssl.create_default_context(cafile=str(broker.home / "server.crt"))
        login = {"username": "reader", "password": password, "tls_context": context, "transport": "websockets"}
        async with aiomqtt.Client("localhost", broker.websocket, **login) as client:
            await client.subscribe("emotion/#", qos=1)
            await say(broker.address("kitchen"), OWN, b"hello")
            async with asyncio.timeout(PATIENCE_S):
                message = await anext(client.messages)
        assert message.payload == b"hello"


@pytest.mark.system
async def test_client_certificates_do_in_place_of_passwords(tmp_path, authority):
    (tmp_path / "home" / ".config").mkdir(parents=True)
    broker = SharedBroker(home=tmp_path / "home", etc=tmp_path / "etc")
    broker.set_up()
    server, kitchen = authority.sign("server", host="localhost"), authority.sign("kitchen")
    for source, name in ((server.certificate, "server.crt"), (server.key, "server.key")):
        shutil.copy(source, broker.etc / "emotion" / name)
    shutil.copy(authority.certificate, broker.etc / "emotion" / "ca.crt")
    broker.start("require_certificate")
    files = {"cert_file": str(kitchen.certificate), "key_file": str(kitchen.key)}
    address = broker.address("", password_file="", ca_file=str(authority.certificate), **files)
    try:
        await say(address, OWN)
        with pytest.raises(PublishRefusedError):
            await say(address, "emotion/hall/availability")
        with pytest.raises(BrokerError):
            await say(broker.address("kitchen", ca_file=str(authority.certificate)), OWN)
    finally:
        broker.stop()


@pytest.mark.system
def test_the_guides_settings_and_commands_work_on_a_running_node(broker):
    (settings,) = blocks("toml")
    file = broker.home / "kitchen.toml"
    settings = settings.replace("broker.lan", f"localhost:{broker.port}")
    file.write_text(re.sub(r'_file = "', f'_file = "{broker.home}/', settings))
    login = next(block for block in blocks("sh") if "mosquitto_$program" in block)
    broker.shell(login.replace("-p 8883", f"-p {broker.port}"))
    play = ("run", "--config", str(file), "--source", f"file:{long_talk()}", "--headless", "--model", "fake")
    ask, tell = blocks("sh", after="## Commands")[:2]
    with running(*play, until="listening to"):
        answer = json.loads(broker.shell(ask.replace("mosquitto_rr", "mosquitto_rr -W 300")))
        assert (answer["ok"], answer["id"]) == (True, "42")
        topic = "emotion/kitchen/answer/app"
        subscribed = f"until grep -q '{topic} (QoS' {broker.home}/mosquitto.log; do sleep 0.1; done"
        listen = f"mosquitto_sub -W 300 -C 1 -t {topic} & {subscribed}\n"
        answer = json.loads(broker.shell(f"{listen}{tell}wait\n"))
        assert (answer["ok"], answer["id"], answer["command"]) == (True, "7", "resume")
        seen = broker.shell("timeout 300 mosquitto_sub -C 1 -t 'emotion/kitchen/+/utterance'")
        assert json.loads(seen)["schema"] == "emotion-monitor/utterance/1"


def test_its_messages_fit_the_schemas():
    schemas = json_schemas()
    messages = [json.loads(block) for block in blocks("json")]
    for message in messages:
        jsonschema.Draft202012Validator(schemas[message["schema"]]).validate(message)
    kinds = {message["schema"].split("/")[1] for message in messages}
    assert kinds == {"utterance", "state", "health", "drop", "error", "answer"}


def test_its_links_lead_somewhere():
    targets = re.findall(r"\]\(([^)]+)\)", GUIDE)
    headings = {
        re.sub(r"[^\w\- ]", "", h).lower().replace(" ", "-") for h in re.findall(r"^#+ (.*)$", GUIDE, re.MULTILINE)
    }
    for target in targets:
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("http"):
            assert (REPOSITORY / "docs" / target).exists(), target
