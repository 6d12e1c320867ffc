"""The flow of the live program, on one screen: sound is cut into utterances, utterances are read, events go out."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core import tasks
from core.errors import EmotionMonitorError, UsageError
from core.model import Reading
from core.settings import Settings
from core.sound.utterance import Utterance
from core.wire.commands import (
    Command,
    Mute,
    Note,
    Pause,
    Quit,
    Record,
    Resume,
    SetModel,
    SetReading,
    SetSmoothing,
    SetVad,
    SwitchSource,
    Unmute,
)
from core.wire.events import NoteEvent
from core.wire.health import HealthEvent
from core.wire.values import timestamp
from core.worker import InferenceWorker, ModelReady, WorkerStatus
from core.worker.eager import EarlyReading
from core.worker.queue import Job
from monitor.intake import Intake
from monitor.listening import SHUTDOWN, Listening
from monitor.outlet import Outlet
from monitor.sinks.recording import Recorder
from monitor.sinks.sink import Sink
from monitor.sources.source import Source
from monitor.tuning import Tune, initial_tuning, same_model, tuned, tuned_model
from monitor.vitals import FAILURES, Vitals, account

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from monitor.jobs.remote import RemoteWorker

HEALTH_EVERY_S = 1.0
STOP_S = 1.0
"""Time given to what is still waiting or being read when the user stops the program."""


class Pipeline:
    """Runs sources through one model into sinks until every source has ended or `stop` is called.

    Capture never waits for the model, unless the source can wait. Nobody waits for a sink.

    Args:
        settings: All settings.
        sources: Not yet opened; each becomes a stream of its own.
        sinks: Open when `run` is called.
        open_source: Finds the source that a command names.
        recorder: Records when a command says so.
        on_health: Told of every health event, before the sinks.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Sequence[Source],
        sinks: Sequence[Sink],
        open_source: Callable[[str], Awaitable[Source]] | None = None,
        *,
        recorder: Recorder | None = None,
        on_health: Sequence[Callable[[HealthEvent], None]] = (),
    ) -> None:
        self._worker, settings = _reader(settings, self._on_worker_change)
        self._settings = settings
        self._outlet = Outlet(sinks)
        self._recorder = recorder
        self._on_health = on_health
        self._tuning = initial_tuning(settings)
        self._intake = Intake(settings.worker, one_each=settings.model.adapt or bool(settings.remote.broker))
        self._listening = Listening(
            settings,
            sources,
            tuning=self._tuning,
            intake=self._intake,
            outlet=self._outlet,
            open_source=open_source,
        )
        self._readers = settings.remote.window if settings.remote.broker else 1
        self._stop = asyncio.Event()
        self._vitals = Vitals(settings.mqtt.node)

    async def run(self) -> None:
        """Loads the model, then listens.

        Raises:
            EmotionMonitorError: The model cannot be loaded.
        """
        async with self._reporting_health(), self._worker_started() as model:
            if model is None:
                return
            await self._introduce(model)
            async with asyncio.TaskGroup() as group:
                readers = {group.create_task(self._read(), name="reader") for _ in range(self._readers)}
                listening = group.create_task(self._listening.run(), name="listening")
                await self._unless_stopped(asyncio.wait({listening}))
                listening.cancel()
                await asyncio.wait({listening})
                await self._finish(readers)
            for stream in self._listening.health():
                log.info("%s", account(stream))

    @property
    def errors(self) -> list[EmotionMonitorError]:
        """Why sources failed. The program goes on while one is left."""
        return self._listening.failures

    @property
    def is_failing(self) -> bool:
        """Whether the model fails on everything."""
        return self._vitals.is_failing

    @property
    def heard_nothing(self) -> bool:
        """Whether every source failed before any sound came."""
        return all(stream.state == "failed" and not stream.captured for stream in self._listening.health())

    def stop(self) -> None:
        """Ends the run soon: what was heard is read if it takes no longer than a moment, and otherwise counted."""
        self._stop.set()
        self._outlet.hurry()

    async def execute(self, command: Command) -> None:
        """Does what someone asked for.

        Raises:
            EmotionMonitorError: It cannot be done; then nothing has changed.
        """
        match command:
            case Quit():
                self.stop()
            case Pause():
                await self._listening.pause()
                await self._send_health()
            case Resume():
                await self._listening.resume()
                await self._send_health()
            case SetSmoothing() | SetVad() | SetReading() | SetModel():
                await self._tune(command)
            case SwitchSource():
                await self._listening.switch(command)
            case Note():
                at, heard_s = timestamp(time.time()), self._listening.positions_s
                await self._outlet.send(
                    [NoteEvent(id=str(uuid.uuid4()), at=at, text=command.text, positions_s=heard_s)]
                )
            case Record():
                await self._record(on=command.on)
            case Mute() | Unmute():
                msg = f"{command.command} is for one sink, not for the pipeline"
                raise UsageError(msg, hint="send it to a node's command topic")

    def command(self, command: Command) -> None:
        """The same for a user at the screen: returns at once, and a failure becomes an error event."""

        async def execute() -> None:
            try:
                await self.execute(command)
            except EmotionMonitorError as error:
                await self._outlet.report("command", error)

        tasks.start(execute(), name=f"command {type(command).__name__}")

    def health(self) -> HealthEvent:
        """How everything is doing right now."""
        return self._vitals.event(
            streams=self._listening.health(),
            worker=self._worker.health,
            queued=len(self._intake),
            sinks=self._outlet.health(),
            tuning=self._tuning,
            recording=self._recorder.recording if self._recorder else None,
        )

    async def _introduce(self, model: ModelReady) -> None:
        log.info("ready: %s on %s in %.1f s", model.stamp.name, model.device, model.load_s)
        longest_s = self._settings.segmenter.max_utterance_s
        if longest_s > model.window_s:
            msg = f"{model.stamp.name} hears {model.window_s:g} s; utterances may last {longest_s:g} s"
            hint = "what is beyond counts as truncated_s; lower segmenter.max_utterance_s"
            await self._outlet.report("model", EmotionMonitorError(msg, hint=hint))
        if self._settings.model.transcript and model.transcribes is False:
            msg = f"{model.stamp.name} has no transcriber: there will be no transcripts, though model.transcript is on"
            hint = "turn it off, or take a model whose folder names a transcriber"
            await self._outlet.report("model", EmotionMonitorError(msg, hint=hint))

    async def _tune(self, command: Tune) -> None:
        """Changes a number at once, or the model once the other one is ready."""
        now = tuned_model(self._settings.model, self._tuning)
        wanted = tuned_model(self._settings.model, tuned(self._tuning, command))
        other = None if same_model(now, wanted) else await self._worker.replace_model(wanted)
        self._tuning = tuned(self._tuning, command)  # at once: the next command goes by what is at work
        self._listening.tune(self._tuning)
        if other is not None:
            self._vitals.note_model()
            await self._introduce(other)
        await self._send_health()

    async def _record(self, *, on: bool) -> None:
        if self._recorder is None:
            msg = "this run cannot record"
            raise UsageError(msg)
        await self._recorder.switch(on=on)
        await self._send_health()

    async def _read(self) -> None:
        """From the queue through the model to the sinks."""
        while True:
            taken = await self._intake.take(lambda: self._listening.open_streams)
            if taken.foreseen is not None:
                await self._read_early(taken.foreseen)
                continue
            await self._listening.drop(taken.late)
            unread = [job for job in taken.jobs if not await self._is_read_already(job)]
            if unread:
                began_s = time.monotonic()
                readings = await self._readings(unread)
                now_s = time.monotonic()
                for job, reading in zip(unread, readings, strict=True):
                    await self._publish(job, reading, started_s=began_s, now_s=now_s)
            await self._intake.all_done()

    async def _read_early(self, job: Job) -> None:
        """What is foreseen, for whoever claims it when it is over."""
        eager, early = self._listening.stream(job.stream).eager, None
        began_s = time.monotonic()
        eager.begin()
        try:
            (reading,) = await self._readings([job])
            early = EarlyReading(reading=reading, started_s=began_s, took_s=time.monotonic() - began_s)
        finally:
            eager.finish(job, early)

    async def _is_read_already(self, job: Job) -> bool:
        """Publishes the reading of an utterance that was read early."""
        if not job.utterance.final:
            return False
        early = self._listening.stream(job.stream).eager.claim(job.utterance)
        if early is None:
            return False
        await self._publish(job, early.reading, started_s=early.started_s, now_s=time.monotonic())
        return True

    async def _readings(self, jobs: Sequence[Job]) -> list[Reading]:
        began_s = time.monotonic()
        readings = await self._worker.read(
            [job.utterance.samples for job in jobs],
            patient=not any(job.paced for job in jobs),
            explain=[self._tuning.explain and job.utterance.final for job in jobs],
            anchors=[self._listening.stream(job.stream).anchor for job in jobs],
        )
        self._intake.busy.note(began_s, time.monotonic())
        return readings

    async def _publish(self, job: Job, reading: Reading, *, started_s: float, now_s: float) -> None:
        await self._note(job.utterance, reading, now_s - max(started_s, job.queued_at))
        self._intake.done(job)
        model = reading.model or self._worker.ready.stamp
        events = self._listening.stream(job.stream).read(
            job, reading, model, started_s=started_s, now_s=now_s, read_at=time.time()
        )
        await self._outlet.send(events)

    async def _note(self, utterance: Utterance, reading: Reading, compute_s: float) -> None:
        """Counts a reading, and says so when the model begins to fail on everything, or works again."""
        failed_before = self._vitals.is_failing
        self._vitals.note_reading(utterance, reading, compute_s)
        if self._vitals.is_failing == failed_before:
            return
        if self._vitals.is_failing:
            msg = f"the model has failed on {FAILURES} utterances in a row: {reading.reason}"
            await self._outlet.report("worker", EmotionMonitorError(msg, hint="see the log; another model may work"))
        await self._send_health()

    async def _finish(self, readers: set[asyncio.Task[None]]) -> None:
        """Waits until all is read; once stopped, no longer than a moment, and the rest is dropped."""
        drained = asyncio.create_task(self._intake.drained())
        await self._unless_stopped(asyncio.wait({drained}))
        await asyncio.wait({drained}, timeout=STOP_S)
        drained.cancel()
        for reader in readers:
            reader.cancel()
        await asyncio.wait(readers)
        await self._listening.drop(self._intake.clear(SHUTDOWN))

    async def _unless_stopped(self, awaitable: Coroutine[Any, Any, Any]) -> None:
        """Waits for something, or for `stop`, whichever comes first."""
        either = {asyncio.create_task(awaitable), asyncio.create_task(self._stop.wait())}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in either:
                task.cancel()

    @asynccontextmanager
    async def _worker_started(self) -> AsyncIterator[ModelReady | None]:
        """The model, ready; or None, if the user stopped the program before it was."""
        start = asyncio.create_task(self._worker.start())
        try:
            await self._unless_stopped(asyncio.wait({start}))
            yield start.result() if start.done() else None
        finally:
            start.cancel()
            await asyncio.wait({start})
            await self._worker.close()

    @asynccontextmanager
    async def _reporting_health(self) -> AsyncIterator[None]:
        """Health at intervals, and a last time when all is over."""

        async def report() -> None:
            while True:
                self._listening.follow_clock()
                await self._send_health()
                if self._outlet.is_closed:
                    log.info("nobody is left to listen to us")
                    self.stop()
                await asyncio.sleep(HEALTH_EVERY_S)

        reports = tasks.keep(report, name="health")
        try:
            yield
        finally:
            reports.cancel()
            await self._send_health()

    def _on_worker_change(self, status: WorkerStatus) -> None:
        if status.error:
            told = self._outlet.tell("worker", EmotionMonitorError(status.error))  # the worker has logged it
            tasks.start(told, name="error event")
        tasks.start(self._send_health(), name="health event")

    async def _send_health(self) -> None:
        event = self.health()
        for tell in self._on_health:
            tell(event)
        await self._outlet.send([event])


def _reader(
    settings: Settings, on_change: Callable[[WorkerStatus], None]
) -> "tuple[InferenceWorker | RemoteWorker, Settings]":
    """Who reads, and the settings as they are for that one.

    Others elsewhere read several streams at once, an utterance of each, and nothing early: who shares them cannot know
    whether they are idle.
    """
    if not settings.remote.broker:
        return InferenceWorker(settings.model, settings.worker, on_change=on_change), settings
    from monitor.jobs.remote import RemoteWorker

    here = replace(
        settings,
        worker=replace(settings.worker, max_batch=1),
        segmenter=replace(settings.segmenter, eager_after_s=0),
    )
    return RemoteWorker(settings, on_change=on_change), here
