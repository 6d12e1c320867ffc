"""Workers and those who ask them, over a broker, in this process; the inference processes are real."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from core.settings import ModelSettings, MqttSettings, RemoteSettings, Settings, WorkerSettings
from core.worker import InferenceWorker, WorkerStatus
from monitor.jobs.remote import RemoteWorker
from monitor.jobs.serving import Serving
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.connection import Connector

QUICK_S = (0.02, 0.2)


def settings(address: BrokerAddress, *, model: str = "fake", **remote: Any) -> Settings:
    """Of the node `desk`, for a broker without password on this machine."""
    return Settings(
        model=ModelSettings(name=model),
        mqtt=MqttSettings(node="desk", url=address.url, keepalive_s=5),
        remote=RemoteSettings(**{"broker": address.url, "resend_s": 0.5, "deadline_s": 30.0, **remote}),
    )


@asynccontextmanager
async def asking(address: BrokerAddress, **remote: Any) -> AsyncIterator[RemoteWorker]:
    """Somebody whose utterances are read, once a worker is there."""
    async with RemoteWorker(settings(address, **remote), reconnect_s=QUICK_S) as worker:
        yield worker


@asynccontextmanager
async def serving(
    address: BrokerAddress, model: InferenceWorker | str = "fake", *, max_batch: int = 1
) -> AsyncIterator[Serving]:
    """A worker, from when it begins to connect; it has a process of its own unless it is given one."""
    worker = WorkerSettings(max_batch=max_batch)
    asked = replace(settings(address), worker=worker)
    started: list[Serving] = []

    def follow(_: WorkerStatus) -> None:
        for each in started:
            each.follow_worker()

    if isinstance(model, str):
        own = InferenceWorker(ModelSettings(name=model, transcript=True), worker, on_change=follow)
        await own.start()
    else:
        own = model
    serves = Serving(asked, address, own, reconnect_s=QUICK_S)
    started.append(serves)
    serves.open()
    try:
        yield serves
    finally:
        await serves.close()
        if isinstance(model, str):
            await own.close()


def connector(address: BrokerAddress, name: str, *, most_unacknowledged: int = 100) -> Connector:
    """For a client of the test's own."""
    return Connector(address, client_id=name, keepalive_s=5, most_unacknowledged=most_unacknowledged)
