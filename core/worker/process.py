"""One generation of the inference process: its own pipes, its answers, its end."""

import asyncio
import contextlib
import logging
import os
import re
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from core import tasks
from core.anchor import Anchor
from core.errors import ModelError, WorkerError
from core.load import ProcessLoad
from core.model import SAMPLE_RATE_HZ, Reading
from core.settings import ModelSettings
from core.wire.events import ModelStamp
from core.worker.messages import Waveform, anchor_to_json, error_from_json, reading_from_json, waveforms_to_payload
from core.worker.pipe import FrameError, pack, receive_header

log = logging.getLogger(__name__)

PATIENT_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Environment in which threads that wait for each other sleep rather than spin: beside another busy program, spinning
made a reading seven times as slow on two cores; alone it gains nothing."""

FEW_KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "32", "LRU_CACHE_CAPACITY": "32"}
"""Environment in which oneDNN, and torch's layer above it, keep kernels made for this many shapes. Utterances are of
several hundred lengths: by default 1024 are kept, each of some hundred kilobytes, and the process doubled within hours.
Both have to be bounded, as each keeps the other's; to make them anew costs no time that could be measured."""

COMPLETE = {"HF_HUB_OFFLINE": "1"}
"""A model folder is complete; nothing is ever fetched."""

ENVIRONMENT = PATIENT_THREADS | FEW_KERNELS | COMPLETE
"""What an inference process is given, unless whoever starts the program says otherwise."""

_STEP_S = 0.5
"""Time given to each of the three ways to end a process."""


class WorkerDied(WorkerError):  # noqa: N818 - what happened, not what was wrong
    """The process ended, or was ended because it did not answer."""


class WorkerHung(WorkerDied):
    """It was ended because it did not answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReady:
    """A model that has been loaded and has read a probe; `load_s` is the time both took, process start included.

    `transcribes` is None where the model does not say, as most plug-ins do not.
    """

    stamp: ModelStamp
    device: str
    window_s: float
    load_s: float
    transcribes: bool | None = None


class WorkerProcess:
    """A process and the pipes that only it and we hold; one request at a time.

    Attributes:
        end: Ends when the process has; its result says why, in a few words.
        pid: Its process id.
        ready: Its model, once that is loaded.
        gpu_mb: Memory it held on the GPU when it answered last.
        load: What it costs.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self.ready: ModelReady | None = None
        self.gpu_mb: float | None = None
        self.load = ProcessLoad(process.pid)
        self._process = process
        self._born_s = asyncio.get_running_loop().time()
        self._asked = 0
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._sentence: str | None = None
        self._last_words = ""
        self._stderr = tasks.start(self._log_stderr(), name=f"worker {self.pid} stderr")
        self.end: asyncio.Task[str] = asyncio.create_task(self._receive(), name=f"worker {self.pid}")

    @classmethod
    async def spawn(cls) -> Self:
        """Starts a fresh interpreter that imports from where we do and shares neither terminal nor session with us.

        Raises:
            WorkerError: The system does not let us.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "core.worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=ENVIRONMENT | os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,
            )
        except OSError as error:
            msg = f"the inference process cannot be started: {error}"
            raise WorkerError(msg) from error
        return cls(process)

    async def load_model(
        self, model: ModelSettings, *, threads: int, timeout_s: float, memory_mb: int = 0, max_batch: int = 1
    ) -> ModelReady:
        """Loads the model and proves, by a probe through the pipe, that it serves.

        Raises:
            UsageError: No such model or device.
            ModelError: The model folder cannot be used, or the model cannot read the probe.
            WorkerDied: The process ended, or took longer than `timeout_s`.
        """
        given = {"model": asdict(model), "threads": threads, "memory_mb": memory_mb, "max_batch": max_batch}
        loaded = await self._ask(given, timeout_s=timeout_s)
        (probe,) = await self.read([_probe()], timeout_s=max(timeout_s - self._age_s(), 0.0))
        if probe.failed:
            msg = f"{model.name} was loaded and cannot read: {probe.reason}"
            raise ModelError(msg, hint="see the log")
        self.ready = ModelReady(
            stamp=ModelStamp(**loaded["stamp"]),
            device=loaded["device"],
            window_s=loaded["window_s"],
            load_s=self._age_s(),
            transcribes=loaded["transcribes"],
        )
        return self.ready

    async def read(
        self,
        batch: Sequence[Waveform],
        *,
        timeout_s: float,
        explain: Sequence[bool] = (),
        anchors: Sequence[Anchor | None] = (),
    ) -> list[Reading]:
        """One reading per waveform, in order; see `EmotionModel.read` for `explain` and `anchors`.

        Raises:
            WorkerDied: The process ended, or (WorkerHung) took longer than `timeout_s`.
        """
        lengths, payload = waveforms_to_payload(batch)
        request = {
            "lengths": lengths,
            "explain": [*explain] or [False] * len(batch),
            "anchors": [anchor_to_json(anchor) for anchor in anchors] or [None] * len(batch),
        }
        answer = await self._ask(request, payload, timeout_s=timeout_s)
        stamp = self.ready.stamp if self.ready else None
        return [replace(reading_from_json(values), model=stamp) for values in answer["readings"]]

    async def close(self) -> None:
        """Ends the process: by the end of its input, else by SIGTERM, else by SIGKILL; within two seconds."""
        self._sentence = self._sentence or "closed"
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        for insist in (self._process.stdin.close, self._process.terminate, self._process.kill):
            with contextlib.suppress(ProcessLookupError):
                insist()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STEP_S):
                    await asyncio.shield(self.end)
                return

    def _age_s(self) -> float:
        return asyncio.get_running_loop().time() - self._born_s

    async def _ask(self, request: Mapping[str, Any], payload: bytes = b"", *, timeout_s: float) -> dict[str, Any]:
        if self.end.done():
            raise WorkerDied(self.end.result())
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        self._asked += 1
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answer = answered
        try:
            async with asyncio.timeout(timeout_s):
                self._process.stdin.write(pack({"id": self._asked, **request}, payload))
                await self._process.stdin.drain()
                answer = await answered
        except TimeoutError:
            self._kill(f"no answer within {timeout_s:g} s")
            raise WorkerHung(await asyncio.shield(self.end)) from None
        except OSError:  # the pipe broke while we wrote
            raise WorkerDied(await asyncio.shield(self.end)) from None
        finally:
            if not answered.cancel() and not answered.cancelled():
                answered.exception()  # asyncio complains of one that nobody looked at, as when the pipe broke first
        if "error" in answer:
            raise error_from_json(answer["error"])
        self.gpu_mb = answer["gpu_mb"]
        return answer

    async def _receive(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        try:
            while True:
                answer = await receive_header(self._process.stdout)
                awaited = answer.get("id") == self._asked  # the answer to a cancelled request is nobody's
                if awaited and self._answer is not None and not self._answer.done():
                    self._answer.set_result(answer)
        except FrameError as error:
            self._kill(f"not understood: {error}")
        except (asyncio.IncompleteReadError, OSError):
            pass
        except Exception as error:  # a defect of ours costs a process, not its supervision
            log.exception("worker %d: unexpected failure", self.pid)
            self._kill(f"its answer could not be taken: {error!r}")
        reason = await self._bury()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WorkerDied(reason))
        return reason

    async def _bury(self) -> str:
        """Waits for the process, whose output has ended, and says what it died of."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STEP_S):
                await self._process.wait()
        if self._process.returncode is None:
            self._kill("closed its output")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STEP_S):
                    await self._process.wait()
        await asyncio.wait({self._stderr}, timeout=_STEP_S)
        self._stderr.cancel()
        return self._sentence or self._cause_of_death()

    def _kill(self, sentence: str) -> None:
        self._sentence = self._sentence or sentence
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def _cause_of_death(self) -> str:
        code = self._process.returncode
        if code is not None and code < 0:
            cause = f"killed by {_signal_name(-code)}"
            return f"{cause}, perhaps for want of memory" if code == -signal.SIGKILL else cause
        return f"exit code {code}: {self._last_words}" if self._last_words else f"exit code {code}"

    async def _log_stderr(self) -> None:
        """Passes what the process and its libraries print on to our log, a line at a time."""
        assert self._process.stderr is not None  # noqa: S101 - a pipe was asked for
        rest = ""
        while chunk := await self._process.stderr.read(4096):
            *lines, rest = re.split(r"[\r\n]+", rest[-4096:] + chunk.decode(errors="replace"))
            for line in filter(None, lines):
                self._hear(line)
        if rest:
            self._hear(rest)

    def _hear(self, line: str) -> None:
        log.info("worker %d: %s", self.pid, line)
        self._last_words = line[:200]


def _probe() -> Waveform:
    """A second of faint noise: what a model must be able to read before it counts as ready."""
    return np.random.default_rng(0).integers(-100, 100, SAMPLE_RATE_HZ).astype(np.int16)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
