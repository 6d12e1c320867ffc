"""The flow of the live program, on one screen: sound is cut into utterances, utterances are read, events go out."""

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from core.commands import (
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
from core.errors import AudioError, EmotionMonitorError, UsageError
from core.events import HealthEvent, NoteEvent, timestamp
from core.settings import Settings
from core.worker import InferenceWorker, ModelReady, WorkerStatus
from core.worker.queue import DroppedJob
from monitor.intake import Intake
from monitor.outlet import Outlet
from monitor.sinks.recording import Recorder
from monitor.sinks.sink import Sink
from monitor.sources.source import Source
from monitor.stream import Pushed, Stream
from monitor.tuning import Tune, initial_tuning, same_model, tuned, tuned_model
from monitor.vitals import Vitals, account

log = logging.getLogger(__name__)

HEALTH_EVERY_S = 1.0
SWITCH_S = 5.0
"""Time given to a source that is switched to until it gives sound."""
STOP_S = 1.0
"""Time given to what is still waiting or being read when the user stops the program."""
SHUTDOWN = "shutdown"
"""Reason of a drop: the program was stopped before the utterance was read."""


class Pipeline:
    """Runs sources through one model into sinks until every source has ended or `stop` is called.

    Capture never waits for the model, unless the source can wait. Nobody waits for a sink.

    Args:
        settings: All settings.
        sources: Not yet opened; each becomes a stream of its own.
        sinks: Open when `run` is called.
        open_source: Finds the source that a command names.
        recorder: Records when a command says so.

    Attributes:
        errors: Why sources failed. The program goes on while one is left.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Sequence[Source],
        sinks: Sequence[Sink],
        open_source: Callable[[str], Awaitable[Source]] | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.errors: list[EmotionMonitorError] = []
        self._settings = settings
        self._outlet = Outlet(sinks)
        self._open_source = open_source
        self._recorder = recorder
        self._run = uuid.uuid4().hex[:8]
        self._sources: dict[str, Source] = {}
        self._streams: dict[str, Stream] = {}
        self._listeners: dict[str, asyncio.Task[None]] = {}
        self._added = 0
        self._tuning = initial_tuning(settings)
        for source in sources:
            self._add(source)
        self._intake = Intake(settings.worker)
        self._worker = InferenceWorker(settings.model, settings.worker, on_change=self._on_worker_change)
        self._stop = asyncio.Event()
        self._switching = asyncio.Lock()
        self._going = asyncio.Event()  # cleared by a pause
        self._going.set()
        self._background: set[asyncio.Task[None]] = set()
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
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._read(), name="reader")
                self._tasks = tasks
                for name in self._sources:
                    self._start(name)
                await self._unless_stopped(self._all_ended())
                for listener in self._listeners.values():
                    listener.cancel()
                await asyncio.wait(self._listeners.values())
                await self._finish(reader)
            for stream in self._streams.values():
                log.info("%s", account(stream.health()))

    @property
    def heard_nothing(self) -> bool:
        """Whether every source failed before any sound came."""
        health = [stream.health() for stream in self._streams.values()]
        return all(stream.state == "failed" and not stream.captured for stream in health)

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
                self._going.clear()
                await self._for_every_stream(Stream.pause)
            case Resume():
                self._going.set()
                await self._for_every_stream(Stream.resume)
            case SetSmoothing() | SetVad() | SetReading() | SetModel():
                await self._tune(command)
            case SwitchSource():
                async with self._switching:
                    await self._switch(command)
            case Note():
                await self._outlet.send([self._note(command.text)])
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

        self._spawn(execute())

    def health(self) -> HealthEvent:
        """How everything is doing right now."""
        return self._vitals.event(
            streams=[stream.health() for stream in self._streams.values()],
            worker=self._worker.health,
            queued=len(self._intake),
            sinks=self._outlet.health(),
            tuning=self._tuning,
            recording=self._recorder.recording if self._recorder else None,
        )

    def _add(self, source: Source) -> str:
        """A stream for a source, not yet listened to; its id."""
        self._added += 1
        name = f"{self._run}-{self._added}"
        self._sources[name] = source
        self._streams[name] = Stream(stream=name, source=source.name, paced=source.realtime, settings=self._settings)
        self._streams[name].tune(self._tuning)
        return name

    def _start(self, name: str, *, is_open: bool = False) -> None:
        if not self._going.is_set():
            self._streams[name].pause(time.monotonic())
        self._listeners[name] = self._tasks.create_task(self._listen(name, is_open=is_open), name=name)

    @property
    def _listening(self) -> list[str]:
        return [name for name, listener in self._listeners.items() if not listener.done()]

    async def _all_ended(self) -> None:
        while going := [self._listeners[name] for name in self._listening]:
            await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)

    async def _introduce(self, model: ModelReady) -> None:
        log.info("ready: %s on %s in %.1f s", model.stamp.name, model.device, model.load_s)
        longest_s = self._settings.segmenter.max_utterance_s
        if longest_s > model.window_s:
            msg = f"{model.stamp.name} hears {model.window_s:g} s; utterances may last {longest_s:g} s"
            hint = "what is beyond counts as truncated_s; lower segmenter.max_utterance_s"
            await self._outlet.report("model", EmotionMonitorError(msg, hint=hint))

    async def _tune(self, command: Tune) -> None:
        """Changes a number at once, or the model once the other one is ready."""
        now = tuned_model(self._settings.model, self._tuning)
        wanted = tuned_model(self._settings.model, tuned(self._tuning, command))
        other = None if same_model(now, wanted) else await self._worker.replace_model(wanted)
        self._tuning = tuned(self._tuning, command)  # at once: the next command goes by what is at work
        for stream in self._streams.values():
            stream.tune(self._tuning)
        if other is not None:
            await self._introduce(other)
        await self._send_health()

    def _note(self, text: str) -> NoteEvent:
        going = {name: stream for name, stream in self._streams.items() if stream.state in {"listening", "paused"}}
        positions_s = {name: round(stream.position_s, 3) for name, stream in going.items()}
        return NoteEvent(id=str(uuid.uuid4()), at=timestamp(time.time()), text=text, positions_s=positions_s)

    async def _record(self, *, on: bool) -> None:
        if self._recorder is None:
            msg = "this run cannot record"
            raise UsageError(msg)
        await self._recorder.switch(on=on)
        await self._send_health()

    async def _switch(self, command: SwitchSource) -> None:
        """Puts another source in a stream's place once it gives sound; as a stream of its own, with its own clock."""
        replaced = [name for name in self._listening if command.stream in {None, name}]
        if self._open_source is None or len(replaced) != 1:
            wanted = f"no stream {command.stream!r} is listening" if command.stream else "which stream?"
            msg = f"the source cannot be switched: {wanted}"
            raise UsageError(msg, hint=f"listening: {', '.join(self._listening) or 'none'}")
        await self._listen_also(await self._open_source(command.source))
        self._listeners[replaced[0]].cancel()

    async def _listen_also(self, source: Source) -> None:
        """Another stream, once its source gives sound."""
        try:
            async with asyncio.timeout(SWITCH_S):
                await source.__aenter__()
        except TimeoutError:
            msg = f"{source.name} gives no sound"
            raise AudioError(msg) from None
        for name in self._over:
            log.info("%s", account(self._streams.pop(name).health()))
            del self._sources[name], self._listeners[name]
        self._start(self._add(source), is_open=True)

    def _may_return(self, name: str) -> bool:
        """Whether a stream's source is a microphone that vanished; one that never gave sound is a mistake."""
        was_heard = self._streams[name].health().captured > 0
        is_microphone = self._open_source is not None and self._sources[name].name.startswith("mic:")
        return is_microphone and was_heard and self._settings.source.retry_s > 0

    async def _await_return(self, name: str) -> None:
        """Looks for a microphone that vanished; when it gives sound again, that is a stream of its own."""
        assert self._open_source is not None  # noqa: S101 - see `_may_return`
        wanted = self._sources[name].name
        while True:
            await asyncio.sleep(self._settings.source.retry_s)
            with suppress(EmotionMonitorError):
                async with self._switching:
                    await self._listen_also(await self._open_source(wanted))
                return

    @property
    def _over(self) -> list[str]:
        """Streams that have ended and are read; a later switch forgets them, so that they do not pile up."""
        done = [name for name, listener in self._listeners.items() if listener.done()]
        ended = [name for name in done if self._streams[name].state == "ended"]
        return [name for name in ended if self._streams[name].health().in_flight == 0 and not self._intake.holds(name)]

    async def _listen(self, name: str, *, is_open: bool) -> None:
        """From one source to the queue."""
        source, stream = self._sources[name], self._streams[name]
        try:
            async with AsyncExitStack() as stack:
                if is_open:
                    stack.push_async_exit(source)
                else:
                    await stack.enter_async_context(source)
                stream.open(time.time())
                log.info("listening to %s", source.name)
                await self._report_notices(name)
                async for block in source.blocks():
                    if not stream.paced:
                        await self._going.wait()
                    await self._take(stream, stream.push(block, time.monotonic()), may_wait=True)
        except EmotionMonitorError as error:
            self.errors.append(error)
            await self._outlet.report("source", error, stream=name)
            await self._take(stream, stream.end("failed", time.monotonic()), may_wait=True)
            if self._may_return(name):
                try:
                    await self._await_return(name)
                finally:
                    if not self._stop.is_set():  # it is back, or another microphone has taken its place
                        self.errors.remove(error)
                        stream.end("ended", time.monotonic())
        except asyncio.CancelledError:
            await self._take(stream, stream.end("ended", time.monotonic()), may_wait=False)
            raise
        else:
            await self._take(stream, stream.end("ended", time.monotonic()), may_wait=True)
        await self._report_notices(name)

    async def _read(self) -> None:
        """From the queue through the model to the sinks."""
        while True:
            batch, late = await self._intake.take()
            await self._drop(late)
            started_s = time.monotonic()
            patient = not any(job.paced for job in batch)
            explain = [self._tuning.explain and job.utterance.final for job in batch]
            sounds = [job.utterance.samples for job in batch]
            readings = await self._worker.read(sounds, patient=patient, explain=explain)
            now_s = time.monotonic()
            for job, reading in zip(batch, readings, strict=True):
                self._vitals.note_reading(job.utterance, now_s - started_s)
                self._intake.done(job)
                stream = self._streams[job.stream]
                times = {"started_s": started_s, "now_s": now_s, "read_at": time.time()}
                model = reading.model or self._worker.ready.stamp
                await self._outlet.send(stream.read(job, reading, model, **times))
            await self._intake.all_done()

    async def _take(self, stream: Stream, pushed: Pushed, *, may_wait: bool) -> None:
        await self._outlet.send(pushed.events)
        waiting = deque(pushed.jobs)
        try:
            while waiting:
                dropped = await self._intake.put(waiting[0], may_wait=may_wait and not stream.paced)
                waiting.popleft()
                await self._drop(dropped)
        except asyncio.CancelledError:
            await self._drop(DroppedJob(job, SHUTDOWN) for job in waiting)
            raise

    async def _finish(self, reader: asyncio.Task[None]) -> None:
        """Waits until all is read; once stopped, no longer than a moment, and the rest is dropped."""
        drained = asyncio.create_task(self._intake.drained())
        await self._unless_stopped(asyncio.wait({drained}))
        await asyncio.wait({drained}, timeout=STOP_S)
        drained.cancel()
        reader.cancel()
        await asyncio.wait({reader})
        await self._drop(self._intake.clear(SHUTDOWN))

    async def _unless_stopped(self, awaitable: Coroutine[Any, Any, Any]) -> None:
        """Waits for something, or for `stop`, whichever comes first."""
        tasks = {asyncio.create_task(awaitable), asyncio.create_task(self._stop.wait())}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
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
                await self._send_health()
                if self._outlet.is_closed:
                    log.info("nobody is left to listen to us")
                    self.stop()
                await asyncio.sleep(HEALTH_EVERY_S)

        reports = asyncio.create_task(report(), name="health")
        try:
            yield
        finally:
            reports.cancel()
            await self._outlet.send([self.health()])

    def _on_worker_change(self, status: WorkerStatus) -> None:
        if status.error:
            self._spawn(self._outlet.tell("worker", EmotionMonitorError(status.error)))  # the worker has logged it
        self._spawn(self._send_health())

    async def _for_every_stream(self, change: Callable[[Stream, float], Pushed]) -> None:
        for stream in self._streams.values():
            await self._take(stream, change(stream, time.monotonic()), may_wait=False)
        await self._send_health()

    async def _send_health(self) -> None:
        await self._outlet.send([self.health()])

    async def _report_notices(self, name: str) -> None:
        notices = self._sources[name].notices
        while notices:
            await self._outlet.report("source", EmotionMonitorError(notices.pop(0)), stream=name)

    async def _drop(self, dropped: Iterable[DroppedJob]) -> None:
        for each in dropped:
            await self._outlet.send(self._streams[each.job.stream].dropped(each))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
