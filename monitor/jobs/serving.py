"""A worker: takes jobs from a broker, has them read by an inference process, and answers."""

import asyncio
import logging
import socket
import time
import uuid
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeAlias

import aiomqtt

from core import tasks
from core.errors import BrokerError
from core.model import Reading
from core.settings import Settings
from core.wire.jobs import JobError, Offer, encode_offer, model_identity
from core.wire.values import timestamp
from core.worker import InferenceWorker
from monitor.clock import steady_s
from monitor.jobs.desk import Desk, Held, Reply
from monitor.jobs.envelope import pack_result, unpack_job
from monitor.jobs.line import RECONNECT_S, Line
from monitor.jobs.offers import EVERY_S, VALID_S
from monitor.jobs.topics import JobTopics
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.connection import Connection, Connector, PublishRefusedError
from monitor.mqtt.messages import Message
from monitor.percentile import percentile

log = logging.getLogger(__name__)

TIMED = 100
"""Readings by which it is said how long one takes."""
FINISH_S = 5.0
"""Time given to what is being read when the worker is stopped."""

Token: TypeAlias = tuple[Connection, aiomqtt.Message]
"""What acknowledges a job: only where it came from."""

_NOT_READ = {"model unavailable", "worker stopped"}


class Serving:
    """Serves one model to one site.

    At most twice as many jobs as are read at once are taken in (Receive Maximum): what does not fit waits at the broker
    or goes to others. A job is acknowledged after its result is. While the inference process is gone for longer, the
    offer is withdrawn and what waits is passed on.

    Args:
        settings: Node, base and keep-alive time from `mqtt`, site from `remote`, batches from `worker`.
        address: The broker.
        worker: Started.
        reconnect_s: Shortest and longest pause between two attempts to connect.
    """

    def __init__(
        self,
        settings: Settings,
        address: BrokerAddress,
        worker: InferenceWorker,
        *,
        reconnect_s: tuple[float, float] = RECONNECT_S,
    ) -> None:
        self.name = f"{settings.mqtt.node}-{uuid.uuid4().hex[:8]}"
        self._worker = worker
        self._most = settings.worker.max_batch
        self._batch_wait_s = settings.worker.batch_wait_s
        self._topics = JobTopics(settings.mqtt.base, settings.remote.site)
        self._identity = model_identity(worker.ready.stamp)
        self._desk: Desk[Token] = Desk(self.name, self._identity)
        self._since = timestamp(time.time())
        connector = Connector(
            address,
            client_id=f"emotion-w-{uuid.uuid4().hex[:12]}",
            keepalive_s=settings.mqtt.keepalive_s,
            will=Message(topic=self._topics.offer(self.name), payload=b"", retain=True),
            most_unacknowledged=2 * self._most,
        )
        self._line = Line(connector, address.url, self._serve, reconnect_s=reconnect_s)
        self._connection: Connection | None = None
        self._unconfirmed: dict[str, Reply[Token]] = {}
        self._took_s: deque[float] = deque(maxlen=TIMED)
        self._refused = 0
        self._is_offered = False
        self._stopping = False
        self._changed = asyncio.Event()
        self._new_jobs = asyncio.Event()
        self._progress = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    @property
    def counts(self) -> str:
        """What was done, in words."""
        desk = self._desk
        return (
            f"{desk.answered} answered, {desk.repeated} came again, {desk.declined} passed on, "
            f"{desk.expired} too late, {self._refused} were no jobs"
        )

    def open(self) -> None:
        """Begins."""
        self._reading = tasks.keep(self._read, name="jobs' reading")
        self._line.open()

    async def close(self) -> None:
        """Takes no more jobs, passes on those that wait, finishes what is being read, and ends."""
        self._stopping = True
        self._changed.set()
        for reply in self._desk.decline_all("the worker is stopping"):
            self._say(reply)
        with suppress(TimeoutError):
            async with asyncio.timeout(FINISH_S):
                while self._connection and (self._desk.held or self._unconfirmed or self._is_offered):
                    self._progress.clear()
                    await self._progress.wait()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})
        await self._line.close()

    def follow_worker(self) -> None:
        """The inference process has changed its state."""
        if self._worker.health.state == "failed":
            for reply in self._desk.decline_all("its model keeps failing"):
                self._say(reply)
        self._changed.set()

    async def _serve(self, connection: Connection) -> None:
        self._desk.disconnect()
        self._connection, self._is_offered = connection, False
        for reply in list(self._unconfirmed.values()):
            self._say(reply)
        offering = asyncio.create_task(self._keep_offering(connection), name="offer")
        receiving = asyncio.create_task(self._receive(connection), name="jobs received")
        try:
            done, _ = await asyncio.wait({offering, receiving}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._connection = None
            self._progress.set()
            for task in (offering, receiving):
                task.cancel()
            await asyncio.wait({offering, receiving})
            for task in (offering, receiving):
                if not task.cancelled():
                    task.exception()  # the one that was raised, or another that says the same

    async def _keep_offering(self, connection: Connection) -> None:
        """Jobs are taken, and are said to be, while the model is at work."""
        while True:
            self._changed.clear()
            works = not self._stopping and self._worker.health.state in {"ready", "busy", "restarting"}
            if works and not self._is_offered:
                await connection.subscribe(self._topics.asked(self._identity))
            elif not works and self._is_offered:
                await connection.unsubscribe(self._topics.asked(self._identity))
            if works or self._is_offered:
                await connection.publish(self._offer() if works else self._withdrawal(), steady_s())
            self._is_offered = works
            self._progress.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._changed.wait()

    def _offer(self) -> Message:
        ready = self._worker.ready
        offer = Offer(
            worker=self.name,
            host=socket.gethostname(),
            since=self._since,
            model=ready.stamp,
            identity=self._identity,
            device=ready.device,
            window_s=ready.window_s,
            capacity=self._most,
            transcribes=ready.transcribes,
            read_s=self._read_s,
        )
        return Message(
            topic=self._topics.offer(self.name),
            payload=encode_offer(offer),
            retain=True,
            schema=offer.schema,
            model=ready.stamp.name,
            expiry_s=VALID_S,
        )

    @property
    def _read_s(self) -> float | None:
        longest_s = percentile(self._took_s, 95)
        return None if longest_s is None else min(round(longest_s, 3), 3600.0)

    def _withdrawal(self) -> Message:
        return Message(topic=self._topics.offer(self.name), payload=b"", retain=True)

    async def _receive(self, connection: Connection) -> None:
        async for message in connection.messages():
            if message.retain or message.qos == 0:  # nobody would own it, or nothing hold it back
                self._refuse(connection, message, "a job that is retained, or not QoS 1")
                continue
            payload = message.payload if isinstance(message.payload, bytes) else b""
            try:
                job = unpack_job(payload)
            except JobError as error:
                self._refuse(connection, message, str(error))
                continue
            remaining_s = getattr(message.properties, "MessageExpiryInterval", job.message.valid_s)
            reply = self._desk.take(
                job,
                (connection, message),
                steady_s(),
                reply_to=self._topics.answer_to(str(message.topic), job.message.run),
                valid_s=min(job.message.valid_s, float(remaining_s)),
            )
            if reply is not None:
                self._say(reply)
            self._new_jobs.set()

    def _refuse(self, connection: Connection, message: aiomqtt.Message, why: str) -> None:
        self._refused += 1
        log.info("jobs: refused on %s: %s", message.topic, why)
        connection.acknowledge(message)

    async def _read(self) -> None:
        while True:
            await self._new_jobs.wait()
            if self._batch_wait_s and len(self._desk) < self._most:
                await asyncio.sleep(self._batch_wait_s)
            self._new_jobs.clear()
            while self._desk:
                batch, late = self._desk.next(steady_s(), self._most)
                _acknowledge(late)
                if batch:
                    await self._read_batch(batch)

    async def _read_batch(self, batch: Sequence[Held[Token]]) -> None:
        began_s = steady_s()
        try:
            readings = await self._worker.read(
                [held.job.waveform for held in batch],
                explain=[held.job.message.explain for held in batch],
                anchors=[held.job.anchor for held in batch],
            )
        except Exception as error:
            for held in batch:  # else they would be held, and not acknowledged, for ever
                self._say(self._desk.decline(held, f"reading failed: {type(error).__name__}"))
            raise
        self._took_s.append(steady_s() - began_s)
        if len(self._took_s) == 1:
            self._changed.set()  # who asks need not wait for the next offer to know
        for held, reading in zip(batch, readings, strict=True):
            self._say(self._reply(held, reading))

    def _reply(self, held: Held[Token], reading: Reading) -> Reply[Token]:
        if reading.reason in _NOT_READ and reading.model is None:
            return self._desk.decline(held, reading.reason or "")
        if not held.job.message.transcript:
            reading = replace(reading, transcript=None)
        return self._desk.answer(held, reading, reading.model or self._worker.ready.stamp)

    def _say(self, reply: Reply[Token]) -> None:
        """Publishes a result; what no broker has confirmed is said again on the next connection, while it is valid."""
        self._unconfirmed[reply.result.id] = reply
        if self._connection is not None:
            tasks.start(self._publish(reply, self._connection), name="result")

    async def _publish(self, reply: Reply[Token], connection: Connection) -> None:
        now = steady_s()
        if reply.expires_s > now:
            message = Message(
                topic=reply.topic,
                payload=pack_result(reply.result),
                schema="emotion-monitor/result/1",
                model=reply.result.model.name if reply.result.model else None,
                expiry_s=reply.expires_s - now,
            )
            try:
                await connection.publish(message, now)
            except PublishRefusedError as error:
                log.warning("jobs: %s", error)
            except BrokerError:
                return
        self._unconfirmed.pop(reply.result.id, None)
        _acknowledge(reply.tokens)
        reply.tokens.clear()
        self._progress.set()


def _acknowledge(tokens: Sequence[Token]) -> None:
    for connection, message in tokens:
        connection.acknowledge(message)
