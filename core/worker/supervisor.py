"""Keeps an inference process alive behind an asyncio interface; whatever happens to it, reads are answered."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, NamedTuple, Self, TypeAlias

from core import tasks
from core.anchor import Anchor
from core.errors import EmotionMonitorError, WorkerError
from core.model import SAMPLE_RATE_HZ, Reading
from core.settings import ModelSettings, WorkerSettings
from core.speech_llm.server_address import is_server_name
from core.wire.health import RemoteHealth
from core.worker.breaker import CircuitBreaker
from core.worker.deadline import Deadline
from core.worker.messages import Waveform
from core.worker.process import ModelReady, WorkerDied, WorkerHung, WorkerProcess

log = logging.getLogger(__name__)

MAX_WAVEFORM_S = 60
"""Longer sound is cut before it is sent; the rest counts as truncated."""
MAX_REQUEST = 32
"""Utterances sent at once; longer batches go in several requests."""
_NOT_STARTED = "the inference worker is not started"
_CLOSED_MEANWHILE = "the inference worker was closed while it loaded a model"

WorkerState: TypeAlias = Literal["starting", "ready", "busy", "restarting", "failed", "stopped"]
"""`failed`: it kept dying and is left alone for a while; reads are then answered without a distribution. Health says so
too of a model that lives and fails on everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """How the inference process is doing.

    `generation` counts the processes started, from 1, and `restarts` those that took a failed one's place. `error` says
    in one line why the last one ended, if that is why the state is what it is. For the last three numbers, and
    `remote`, see `core.wire.events.WorkerHealth`.
    """

    state: WorkerState
    model: str
    device: str
    generation: int
    rss_mb: float
    restarts: int = 0
    cpu_percent: float | None = None
    gpu_mb: float | None = None
    error: str | None = None
    remote: RemoteHealth | None = None


class InferenceWorker:
    """Reads utterances in a process of its own, one batch at a time, and replaces the process when it fails.

    A process that dies or gives no answer in time is replaced; the new one must read a probe before it counts. The
    batch is then tried once more, utterance by utterance, so that only one that kills the process twice stays without a
    reading.

        async with InferenceWorker(settings.model, settings.worker) as worker:
            readings = await worker.read([samples])

    Args:
        model: The model to load, in the inference process.
        worker: Threads and time limits.
        breaker: Decides when restarting is given up for a while.
        deadline: Decides when a batch is late; by default at the latest after `worker.read_timeout_s`.
        on_change: Called in the event loop with each new state but `busy`.
    """

    def __init__(
        self,
        model: ModelSettings,
        worker: WorkerSettings | None = None,
        *,
        breaker: CircuitBreaker | None = None,
        deadline: Deadline | None = None,
        on_change: Callable[[WorkerStatus], None] | None = None,
    ) -> None:
        self._model = model
        self._worker = worker or WorkerSettings()
        self._breaker = breaker or CircuitBreaker()
        self._deadline = deadline or Deadline(most_s=self._worker.read_timeout_s)
        self._on_change = on_change
        self._state: WorkerState = "starting"
        self._error: str | None = None
        self._generation = 0
        self._restarts = 0
        self._loading_s = 0.0
        self._ready: ModelReady | None = None
        self._process: WorkerProcess | None = None
        self._replacing: asyncio.Task[WorkerProcess] | None = None
        self._retired: list[WorkerProcess] = []
        self._supervision: asyncio.Task[None] | None = None
        self._one_batch = asyncio.Lock()
        self._settled = asyncio.Event()  # a read may be answered, if only with `model unavailable`
        self._serving = asyncio.Event()

    async def start(self) -> ModelReady:
        """Starts the process; returns when the model is loaded and has read a probe.

        Raises:
            UsageError: No such model or device.
            ModelError: The model folder cannot be used.
            WorkerError: The process ended while loading, took longer than `worker.start_timeout_s`, or the worker was
                closed meanwhile.
        """
        if self._generation:
            msg = "an inference worker is started once"
            raise WorkerError(msg)
        try:
            process = await self._launch(self._model)
        except BaseException:
            self._change("stopped")
            raise
        if self._is_closed:
            await process.close()
            raise WorkerError(_CLOSED_MEANWHILE)
        return self._employ(process)

    async def replace_model(self, model: ModelSettings) -> ModelReady:
        """Another model in place of the one at work, which reads on until the other is ready and has read a probe.

        A batch being read is finished by the model that began it. For a while both are in memory.

        Raises:
            UsageError: No such model or device; as all errors here, it leaves the model at work where it is.
            ModelError: The model folder cannot be used.
            WorkerError: Nothing is at work yet, another replacement is on its way, the new process did not get ready,
                or the worker was closed meanwhile.
        """
        if self._supervision is None or self._replacing is not None or self._is_closed:
            msg = "another model is being loaded already" if self._replacing else "no model is at work"
            raise WorkerError(msg, hint="try again in a moment")
        self._replacing = asyncio.create_task(self._launch(model), name="worker replacement")
        try:
            return await self._replaced(model, await self._replacing)
        except asyncio.CancelledError:
            if self._is_closed:
                raise WorkerError(_CLOSED_MEANWHILE) from None
            raise
        finally:
            self._replacing = None

    async def read(
        self,
        waveforms: Sequence[Waveform],
        *,
        patient: bool = False,
        explain: Sequence[bool] = (),
        anchors: Sequence[Anchor | None] = (),
    ) -> list[Reading]:
        """One reading per waveform (int16 [n], 16 kHz mono), in order; see `EmotionModel.read` for the other arguments.

        `patient` waits for as long as the model is unavailable, for callers whose sound can wait.

        A failure of the process is never raised; it becomes a reading without distribution, with the reason `worker
        failed` (this utterance ended the process twice), `model unavailable` (state `failed`) or `worker stopped`.
        Cancelling a read gives its result up; the process finishes the work first, in the next read's time.

        Raises:
            ValueError: A waveform is not one-dimensional int16.
            WorkerError: The worker was never started.
        """
        if self._state == "starting":
            raise WorkerError(_NOT_STARTED)
        longest = MAX_WAVEFORM_S * SAMPLE_RATE_HZ
        wanted, known = explain or [False] * len(waveforms), anchors or [None] * len(waveforms)
        batch = [
            _Request(waveform[:longest], written, anchor)
            for waveform, written, anchor in zip(waveforms, wanted, known, strict=True)
        ]
        async with self._one_batch:
            readings: list[Reading] = []
            for start in range(0, len(batch), MAX_REQUEST):
                readings += await self._read(batch[start : start + MAX_REQUEST], patient=patient)
        return [
            replace(reading, truncated_s=reading.truncated_s + max(len(waveform) - longest, 0) / SAMPLE_RATE_HZ)
            for reading, waveform in zip(readings, waveforms, strict=True)
        ]

    @property
    def ready(self) -> ModelReady:
        """The model at work, or that was last.

        Raises:
            WorkerError: The worker was never started.
        """
        if self._ready is None:
            raise WorkerError(_NOT_STARTED)
        return self._ready

    @property
    def health(self) -> WorkerStatus:
        """State, generation and memory right now."""
        return self._status("busy" if self._state == "ready" and self._one_batch.locked() else self._state)

    async def close(self) -> None:
        """Ends the process within two seconds; reads that still wait are answered `worker stopped`."""
        self._change("stopped")
        for task in (self._supervision, self._replacing):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        process, self._process = self._process, None
        await asyncio.gather(self._retire(), *([process.close()] if process else []))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _read(self, batch: "list[_Request]", *, patient: bool) -> list[Reading]:
        try:
            return await self._attempt(batch, patient=patient)
        except WorkerDied:
            return [await self._read_alone(request, patient=patient) for request in batch]

    async def _read_alone(self, request: "_Request", *, patient: bool) -> Reading:
        try:
            return (await self._attempt([request], patient=patient))[0]
        except WorkerDied:
            return Reading(distribution=None, reason="worker failed", failed=True)

    async def _attempt(self, batch: "list[_Request]", *, patient: bool) -> list[Reading]:
        await (self._serving if patient else self._settled).wait()
        process = None if self._state == "stopped" else self._process
        if process is None:
            reason = "worker stopped" if self._state == "stopped" else "model unavailable"
            return [Reading(distribution=None, reason=reason)] * len(batch)
        sounds, explain, anchors = zip(*batch, strict=True)
        written = any(explain)
        clock = asyncio.get_running_loop().time
        began_s = clock()
        try:
            readings = await process.read(
                sounds, timeout_s=self._within_s(len(batch), written=written), explain=explain, anchors=anchors
            )
        except WorkerDied as error:
            if isinstance(error, WorkerHung):
                self._deadline.miss()
            self._lose(process)
            raise
        self._deadline.note(clock() - began_s, len(batch), written=written)
        return readings

    def _within_s(self, utterances: int, *, written: bool) -> float:
        """What a batch may take. A model server has a time limit of its own: where it is slow, no process hangs."""
        if is_server_name(self._model.name):
            return self._worker.read_timeout_s
        return self._deadline.of(utterances, written=written)

    def _lose(self, process: WorkerProcess) -> None:
        """Nobody gets a dead process to read with, whoever learns of its death first."""
        if self._process is process and self._state != "stopped":
            self._process = None
            self._settled.clear()
            self._serving.clear()

    async def _supervise(self, process: WorkerProcess) -> None:
        while True:
            reason = await asyncio.shield(process.end)
            self._lose(process)
            process = await self._restart(f"the inference process ended: {reason}")
            self._serve(process)

    async def _restart(self, error: str) -> WorkerProcess:
        while True:
            # Loading does not count as time: a model that takes long to load and then dies trips the breaker too.
            delay_s = self._breaker.record(asyncio.get_running_loop().time() - self._loading_s)
            self._change("failed" if delay_s else "restarting", error)
            if delay_s:
                log.error("%s; next try in %g s", error, delay_s)
                await asyncio.sleep(delay_s)
            else:
                log.warning("%s; starting another", error)
            self._restarts += 1
            try:
                return await self._launch(self._model)
            except EmotionMonitorError as failure:
                error = failure.one_line()

    async def _launch(self, model: ModelSettings) -> WorkerProcess:
        clock = asyncio.get_running_loop().time
        started_s = clock()
        self._generation += 1
        process = await WorkerProcess.spawn()
        try:
            settings = self._worker
            await process.load_model(
                model,
                threads=settings.threads,
                timeout_s=settings.start_timeout_s,
                memory_mb=settings.memory_mb,
                max_batch=settings.max_batch,
            )
        except WorkerDied as error:
            msg = f"the inference process did not get ready: {error}"
            raise WorkerError(msg, hint="see the log; a slow disk needs a longer worker.start_timeout_s") from error
        except BaseException:
            await process.close()
            raise
        finally:
            self._loading_s += clock() - started_s
        return process

    def _employ(self, process: WorkerProcess) -> ModelReady:
        """Lets a new process read, and has it watched."""
        ready = self._serve(process)
        self._supervision = tasks.keep(partial(self._supervise, process), name="worker supervision")
        return ready

    async def _replaced(self, model: ModelSettings, process: WorkerProcess) -> ModelReady:
        """Puts a new process in the place of the one at work."""
        assert self._supervision is not None  # noqa: S101 - there is one at work
        try:
            self._supervision.cancel()
            await asyncio.wait([self._supervision])
        except asyncio.CancelledError:
            await process.close()
            raise
        if self._is_closed:
            await process.close()
            raise WorkerError(_CLOSED_MEANWHILE)
        self._model, self._breaker = model, replace(self._breaker)  # the failures were the other model's
        self._deadline.forget()
        self._retired += [self._process] if self._process else []
        ready = self._employ(process)
        try:
            async with self._one_batch:
                pass  # begun before the replacement, or already with the new process
        finally:
            await self._retire()
        return ready

    def _serve(self, process: WorkerProcess) -> ModelReady:
        assert process.ready is not None  # noqa: S101 - `_launch` loads before it gives a process
        self._process, self._ready = process, process.ready
        self._change("ready")
        return process.ready

    async def _retire(self) -> None:
        """Ends processes whose place others have taken, and which read nothing any more."""
        retired, self._retired = self._retired, []
        await asyncio.gather(*(process.close() for process in retired))

    @property
    def _is_closed(self) -> bool:
        return self._state == "stopped"

    def _change(self, state: WorkerState, error: str | None = None) -> None:
        if self._state == "stopped":
            return
        self._state, self._error = state, error
        if state in ("ready", "failed", "stopped"):
            self._settled.set()
        if state in ("ready", "stopped"):
            self._serving.set()
        if self._on_change is None:
            return
        try:
            self._on_change(self._status(state))
        except Exception:
            log.exception("a listener to the worker's state failed")  # the worker must outlive it

    def _status(self, state: WorkerState) -> WorkerStatus:
        load = self._process.load.measure() if self._process else None
        return WorkerStatus(
            state=state,
            model=self._ready.stamp.name if self._ready else self._model.name,
            device=self._ready.device if self._ready else self._model.device,
            generation=self._generation,
            restarts=self._restarts,
            rss_mb=load.rss_mb if load else 0.0,
            cpu_percent=load.cpu_percent if load else None,
            gpu_mb=self._process.gpu_mb if self._process else None,
            error=self._error,
        )


class _Request(NamedTuple):
    waveform: Waveform
    explain: bool
    anchor: Anchor | None
