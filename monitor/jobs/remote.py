"""Utterances read by workers elsewhere, behind the interface of `core.worker.InferenceWorker`."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Self

from core import tasks
from core.anchor import Anchor
from core.errors import BrokerError, UsageError, WorkerError
from core.model import SAMPLE_RATE_HZ, Reading
from core.settings import ModelSettings, Settings
from core.wire.health import RemoteHealth
from core.wire.jobs import MAX_SAMPLES, JobError, Offer
from core.worker import ModelReady, WorkerState, WorkerStatus
from monitor.clock import steady_s
from monitor.jobs.envelope import Waveform, new_segment, pack_job, unpack_result
from monitor.jobs.line import RECONNECT_S, Line
from monitor.jobs.offers import Offers, chosen
from monitor.jobs.ownership import Ownership, Send, Settled
from monitor.jobs.topics import JobTopics
from monitor.mqtt.address import broker_address
from monitor.mqtt.connection import Connection, Connector, Publication, PublishRefusedError
from monitor.mqtt.messages import Message

log = logging.getLogger(__name__)

MOST_UNACKNOWLEDGED = 256
"""Results and offers on their way to us at once."""
LOOK_S = 1.0
"""On a new connection, the broker has told of all workers by then."""
_STOPPED = "worker stopped"


class RemoteWorker:
    """Asks workers of one site, and of one model at a time, over one broker.

    What is asked is owned here until it is answered or its time is over; then it is a reading that `failed`. While no
    worker with the model is there, utterances wait for one. See docs/scaling.md for the protocol.

    Args:
        settings: All of them; the model is the one that workers are chosen by.
        on_change: Called in the event loop with each new state but `busy`.
        reconnect_s: Shortest and longest pause between two attempts to connect.

    Raises:
        UsageError: The broker's address cannot be used, or the site is no level of a topic.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_change: Callable[[WorkerStatus], None] | None = None,
        reconnect_s: tuple[float, float] = RECONNECT_S,
    ) -> None:
        self._settings = settings.remote
        self._model = settings.model
        self._node = settings.mqtt.node
        self._on_change = on_change
        self._run = uuid.uuid4().hex[:12]
        self._topics = JobTopics(settings.mqtt.base, settings.remote.site)
        self._answer_topic = self._topics.answer(self._node, self._run)
        address = broker_address(replace(settings.mqtt, url=settings.remote.broker), key="remote.broker")
        connector = Connector(
            address,
            client_id=f"emotion-e-{self._run}",
            keepalive_s=settings.mqtt.keepalive_s,
            most_unacknowledged=MOST_UNACKNOWLEDGED,
        )
        self._url = address.url
        self._line = Line(connector, address.url, self._serve, reconnect_s=reconnect_s)
        self._ownership = Ownership(resend_s=settings.remote.resend_s)
        self._offers = Offers()
        self._offer: Offer | None = None  # one of those that are asked
        self._fitting: list[Offer] = []
        self._generation = 0
        self._ready: ModelReady | None = None
        self._state: WorkerState = "starting"
        self._error: str | None = None
        self._connection: Connection | None = None
        self._looks_s: float | None = None
        self._answers: dict[str, asyncio.Future[Settled]] = {}
        self._changed = asyncio.Event()
        self._reachable = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    async def start(self) -> ModelReady:
        """Returns when a worker is there that reads with the model, however long that takes.

        Raises:
            WorkerError: It was closed meanwhile, or started before.
        """
        if self._pump is not None or self._state == "stopped":
            msg = "a worker is started once"
            raise WorkerError(msg)
        self._pump = tasks.keep(self._keep_pumping, name="jobs' pump")
        self._line.open()
        await self._reachable.wait()
        if self._ready is None:
            msg = "closed before a worker was there"
            raise WorkerError(msg)
        return self._ready

    async def replace_model(self, model: ModelSettings) -> ModelReady:
        """Asks those who read with another model, from the next utterance on.

        Raises:
            UsageError: There is no worker that reads with it; nothing has changed.
        """
        now = steady_s()
        fitting = self._offers.fitting(model, now, sha256=self._settings.sha256)
        if not fitting:
            there = sorted({_described(offer) for offer in self._offers.known(now)})
            msg = f"no worker at site {self._settings.site} reads with {_wanted(model)}"
            raise UsageError(msg, hint=f"there is {'; '.join(there)}" if there else "none is there")
        self._model, self._offer = model, None
        self._look_around(now)
        self._changed.set()
        return self.ready

    async def read(
        self,
        waveforms: Sequence[Waveform],
        *,
        patient: bool = False,
        explain: Sequence[bool] = (),
        anchors: Sequence[Anchor | None] = (),
    ) -> list[Reading]:
        """One reading per waveform (int16 [n], 16 kHz mono), in order; they may be read at once, by several workers.

        What is not answered in time becomes a reading that failed, with the reason. `patient` is for callers whose
        sound can wait: as long as no worker is there, so does it. Cancelling a read gives its results up.

        Raises:
            ValueError: A waveform is not one-dimensional int16.
            WorkerError: It was never started.
        """
        if self._pump is None:
            msg = "the worker is not started"
            raise WorkerError(msg)
        wanted, known = explain or [False] * len(waveforms), anchors or [None] * len(waveforms)
        asked = zip(waveforms, wanted, known, strict=True)
        ask = self._ask_patiently if patient else self._ask
        return list(await asyncio.gather(*(ask(sound, written, anchor) for sound, written, anchor in asked)))

    @property
    def ready(self) -> ModelReady:
        """The model that is asked, or was last.

        Raises:
            WorkerError: There was none yet.
        """
        if self._ready is None:
            msg = "no worker was there yet"
            raise WorkerError(msg)
        return self._ready

    @property
    def health(self) -> WorkerStatus:
        """Who reads, and what became of what they were asked."""
        return self._status("busy" if self._state == "ready" and len(self._ownership) else self._state)

    async def close(self) -> None:
        """Gives up what is not answered."""
        self._change("stopped")
        self._reachable.set()
        if self._pump is not None:  # first: it would say of those who still wait for a worker that none is there
            self._pump.cancel()
            await asyncio.wait({self._pump})
        self._finish(self._ownership.give_all_up(_STOPPED))
        await self._line.close()

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _ask_patiently(self, waveform: Waveform, explain: bool, anchor: Anchor | None) -> Reading:  # noqa: FBT001
        """Without a worker, time does not count; two deadlines beside one that is there are a failure."""
        failures = 0
        while True:
            await self._reachable.wait()
            reading = await self._ask(waveform, explain, anchor)
            failures += self._reachable.is_set()
            if not reading.failed or reading.model is not None or failures > 1 or self._state == "stopped":
                return reading

    async def _ask(self, waveform: Waveform, explain: bool, anchor: Anchor | None) -> Reading:  # noqa: FBT001
        segment = new_segment(
            waveform,
            codec=self._settings.codec,
            explain=explain,
            transcript=self._model.transcript,
            anchor=anchor,
        )
        if self._state == "stopped":
            return Reading(distribution=None, reason=_STOPPED)
        settled: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()
        self._answers[segment.id] = settled
        self._ownership.own(segment, steady_s(), valid_s=self._settings.deadline_s)
        self._changed.set()
        try:
            outcome = await settled
        finally:
            del self._answers[segment.id]
            self._ownership.give_up(segment.id)
        result = outcome.result
        if result is None or result.reading is None:
            return Reading(distribution=None, reason=outcome.reason, failed=outcome.reason != _STOPPED)
        beyond_s = max(len(waveform) - MAX_SAMPLES, 0) / SAMPLE_RATE_HZ
        return replace(result.reading, truncated_s=result.reading.truncated_s + beyond_s)

    async def _serve(self, connection: Connection) -> None:
        self._offers.clear()
        for topic in (self._answer_topic, self._topics.offers):
            await connection.subscribe(topic)
        self._connection, self._looks_s = connection, steady_s() + LOOK_S
        self._ownership.reconnect(steady_s())
        self._changed.set()
        try:
            async for message in connection.messages():
                payload = message.payload if isinstance(message.payload, bytes) else b""
                if str(message.topic) == self._answer_topic:
                    self._take(payload)
                else:
                    self._offers.take(str(message.topic), payload, steady_s())
                    self._changed.set()
                connection.acknowledge(message)
        finally:
            self._connection = self._looks_s = None
            self._offers.clear()
            self._changed.set()

    def _take(self, payload: bytes) -> None:
        try:
            result = unpack_result(payload)
        except JobError as error:
            self._ownership.counts.strangers += 1
            log.warning("jobs: a result is refused: %s", error)
            return
        settled = self._ownership.take(result, steady_s())
        if settled is not None:
            self._finish([settled])
        elif result.reading is None:
            log.info("jobs: %s declines: %s", result.worker, result.declined)
            self._changed.set()

    async def _keep_pumping(self) -> None:
        while True:
            self._changed.clear()
            now = steady_s()
            self._look_around(now)
            expired = self._ownership.expire(now)
            for each in expired:
                log.warning("jobs: an utterance has no reading: %s", each.reason)
            self._finish(expired)
            if self._connection is not None and self._offer is not None and self._reachable.is_set():
                read_s = max(offer.read_s or 0.0 for offer in self._fitting)
                for send in self._ownership.send(now, read_s=read_s):
                    self._send(send, self._connection, self._offer.identity)
            await self._rest()

    async def _rest(self) -> None:
        """Until something has changed, or its time has come."""
        own, offers = self._ownership.wake_s(sending=self._reachable.is_set()), self._offers.wake_s()
        times = [at_s for at_s in (own, offers, self._looks_s) if at_s is not None]
        pause_s = max(min(times) - steady_s(), 0.0) if times else None
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._changed.wait()

    def _send(self, send: Send, connection: Connection, identity: str) -> None:
        segment = send.segment
        payload = pack_job(
            segment, attempt=send.attempt, run=self._run, valid_s=min(send.valid_s, 3600.0), identity=identity
        )
        message = Message(
            topic=self._topics.ask(identity, self._node),
            payload=payload,
            binary=True,
            schema="emotion-monitor/job/1",
            expiry_s=send.valid_s,
        )
        try:
            publication = connection.send(message, steady_s())
        except BrokerError:
            self._ownership.unheard(segment.id, steady_s())  # the connection ends in a moment
            return
        tasks.start(self._confirm(segment.id, publication), name="job")

    async def _confirm(self, segment_id: str, publication: Publication) -> None:
        try:
            if await publication.acknowledged():
                return
        except PublishRefusedError as error:
            settled = self._ownership.refuse(segment_id, f"the broker refuses it: {error.reason}")
            if settled is not None:
                log.warning("jobs: %s", error)
                self._finish([settled])
            return
        except BrokerError:
            return
        self._ownership.unheard(segment_id, steady_s())
        self._changed.set()

    def _finish(self, settled: Sequence[Settled]) -> None:
        for each in settled:
            future = self._answers.get(each.id)
            if future is not None and not future.done():
                future.set_result(each)

    def _look_around(self, now: float) -> None:
        """Who is there, and whom to ask; on a new connection, offers are waited for a moment."""
        if self._looks_s is not None and self._looks_s <= now:
            self._looks_s = None
        self._offers.expire(now)
        self._fitting = self._offers.fitting(self._model, now, sha256=self._settings.sha256)
        before = self._offer
        offer = chosen(self._fitting, stay=before.identity if before else None)
        if offer is None or self._connection is None:
            self._reachable.clear()
            if self._looks_s is None:
                nobody = f"no worker at site {self._settings.site} reads with {_wanted(self._model)}"
                trouble = nobody if self._connection is not None else self._line.trouble
                self._change("restarting" if self._ready else "starting", trouble)
            return
        if before is None or before.identity != offer.identity:
            self._generation += 1
            log.info("jobs: read by %s", _described(offer))
        self._offer = offer
        self._fitting = [one for one in self._fitting if one.identity == offer.identity]
        self._ready = ModelReady(
            stamp=offer.model,
            device=offer.device,
            window_s=offer.window_s,
            load_s=0.0,
            transcribes=offer.transcribes,
        )
        self._reachable.set()
        self._change("ready")

    def _change(self, state: WorkerState, error: str | None = None) -> None:
        if self._state == "stopped" or (state, error) == (self._state, self._error):
            return
        self._state, self._error = state, error
        if error and error != self._line.trouble:  # the line has said it
            log.warning("jobs: %s", error)
        if self._on_change is not None:
            self._on_change(self._status(state))

    def _status(self, state: WorkerState) -> WorkerStatus:
        counts, is_there = self._ownership.counts, self._reachable.is_set() and state != "stopped"
        workers = tuple(sorted(offer.worker for offer in self._fitting)) if is_there else ()
        trouble = self._line.trouble
        return WorkerStatus(
            state=state,
            model=self._ready.stamp.name if self._ready else self._model.name,
            device=self._ready.device if self._ready else "remote",
            generation=max(self._generation, 1),
            rss_mb=0.0,
            error=self._error,
            remote=RemoteHealth(
                broker=f"{self._url}: {trouble}" if trouble else self._url,
                site=self._settings.site,
                workers=workers,
                in_flight=len(self._ownership),
                owned=counts.owned,
                answered=counts.answered,
                refused=counts.refused,
                expired=counts.expired,
                resent=counts.resent,
                declined=counts.declined,
                duplicates=counts.duplicates,
                late=counts.late,
                strangers=counts.strangers,
            ),
        )


def _wanted(model: ModelSettings) -> str:
    """A model as it is asked for."""
    asked = [f"{key} {word}" for key, word in (("prompt", model.prompt), ("read-out", model.readout)) if word != "auto"]
    return ", ".join([model.name, *asked])


def _described(offer: Offer) -> str:
    stamp = offer.model
    return f"{stamp.name} {stamp.sha256[:12]}, prompt {stamp.prompt}, read-out {stamp.readout}".replace(" ,", ",")
