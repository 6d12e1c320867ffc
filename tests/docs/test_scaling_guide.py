"""docs/scaling.md and the shipped ACL: who may ask, who hears the sound, and who may answer."""

import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.settings import MqttSettings
from monitor.jobs.remote import RemoteWorker
from monitor.jobs.serving import Serving
from monitor.mqtt.address import BrokerAddress, broker_address
from monitor.mqtt.connection import Connection, Connector, PublishRefusedError
from monitor.mqtt.messages import Message
from tests.installed import PATH, need
from tests.monitor.jobs.split import QUICK_S, serving, settings
from tests.program import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "scaling.md").read_text(encoding="utf-8")
ACL = REPOSITORY / "config" / "mosquitto.acl"
SOUND = np.arange(800, dtype=np.int16)
USERS = ("kitchen", "hall", "reader", "operator", "worker")


def test_its_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", GUIDE):
        assert target.startswith("http") or (REPOSITORY / "docs" / target).exists(), target


class Shared:
    """A broker with the shipped ACL, in which each user's password is its name."""

    def __init__(self, address: BrokerAddress, folder: Path) -> None:
        self._address, self._folder = address, folder

    def settings(self, user: str) -> MqttSettings:
        (self._folder / user).write_text(user)
        url = f"mqtt://{user}@127.0.0.1:{self._address.port}"
        return MqttSettings(url=url, node=user, password_file=str(self._folder / user), keepalive_s=5)

    def address(self, user: str) -> BrokerAddress:
        return broker_address(self.settings(user), {})

    @asynccontextmanager
    async def connected(self, user: str) -> AsyncIterator[Connection]:
        connector = Connector(self.address(user), client_id=f"t-{user}", keepalive_s=5, most_unacknowledged=20)
        async with connector.connect() as connection:
            yield connection


@pytest.fixture
def shared(make_mosquitto, tmp_path) -> Shared:
    need("mosquitto_passwd")
    passwords = tmp_path / "passwords"
    passwords.write_text("".join(f"{user}:{user}\n" for user in USERS))
    program = shutil.which("mosquitto_passwd", path=PATH)
    subprocess.run([program, "-U", passwords], check=True)
    broker = make_mosquitto(f"password_file {passwords}", f"acl_file {ACL}", anonymous=False)
    return Shared(broker.address, tmp_path)


@pytest.mark.system
async def test_a_node_is_read_for_by_workers_with_the_rights_of_the_shipped_acl_and_nobody_else_hears_it(shared):
    heard: list[str] = []
    async with (
        shared.connected("reader") as reader,
        shared.connected("hall") as hall,
        serving(shared.address("worker")) as worker,
    ):
        for other in (reader, hall):
            await other.subscribe("emotion-jobs/#")
        asked = replace(settings(shared.address("kitchen")), mqtt=shared.settings("kitchen"))
        asked = replace(asked, remote=replace(asked.remote, broker=asked.mqtt.url))
        async with RemoteWorker(asked, reconnect_s=QUICK_S) as remote:
            (reading,) = await remote.read([SOUND])
            assert reading.distribution
        await shared_offer_seen(hall, worker, heard)
    assert not [topic for topic in heard if "/ask/" in topic or "/answer/" in topic]


@pytest.mark.system
@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("kitchen", "emotion-jobs/main/ask/m/hall"),
        ("kitchen", "emotion-jobs/main/answer/kitchen/r"),
        ("kitchen", "emotion-jobs/main/offer/w"),
        ("reader", "emotion-jobs/main/ask/m/reader"),
        ("operator", "emotion-jobs/main/ask/m/operator"),
        ("worker", "emotion-jobs/main/ask/m/kitchen"),
        ("worker", "emotion/kitchen/s1/utterance"),
        ("worker", "emotion/worker/availability"),
    ],
)
async def test_nobody_asks_or_answers_for_another(shared, user, topic):
    async with shared.connected(user) as connection:
        with pytest.raises(PublishRefusedError, match="Not authorized"):
            await connection.publish(Message(topic=topic, payload=b"{}"), 0)


async def shared_offer_seen(connection: Connection, worker: Serving, heard: list[str]) -> None:
    """Takes what has come until the worker's offer, which is said again, is among it."""
    worker.follow_worker()
    async for message in connection.messages():
        connection.acknowledge(message)
        heard.append(str(message.topic))
        if heard[-1].endswith(worker.name):
            return
