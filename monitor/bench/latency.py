"""`emotion-monitor bench latency`: from the end of an utterance to its reading, by stage; start-up; memory.

Everything is measured where users meet it: utterances go through the real inference process and its pipe, start-up is
that of the whole program in a fresh interpreter.
"""

import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from core.audio import read_audio
from core.errors import EmotionMonitorError
from core.model import SAMPLE_RATE_HZ
from core.settings import Settings
from core.worker import InferenceWorker
from monitor.sources.opening import SAMPLE

LENGTHS_S = (1.0, 3.0, 5.0, 10.0)
WARM_UP = 3
READY = "ready: "
"""How the pipeline's log begins its word that the model has read a probe."""
_STARTS = 3


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Median and 95th percentile of milliseconds."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Utterances of one length. `other` is the pipe and what lies between the stages."""

    length_s: float
    features_ms: Percentiles
    llm_ms: Percentiles
    other_ms: Percentiles
    total_ms: Percentiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and where."""

    machine: str
    model: str
    sha256: str
    prompt: str
    readout: str
    device: str
    repeat: int
    rows: tuple[Row, ...]
    ready_s: tuple[float, ...]
    """Program start to a model that has read a probe; the first of several starts may find cold disk caches."""
    worker_rss_mb: float


def report(settings: Settings, *, repeat: int, as_json: bool) -> int:
    """Measures and prints; exit status 0."""
    measured = asyncio.run(_measure(settings, repeat))
    print(json.dumps(asdict(measured), indent=2) if as_json else _table(measured))
    return 0


async def _measure(settings: Settings, repeat: int) -> Report:
    ready_s = tuple([await asyncio.to_thread(_start_to_ready, settings) for _ in range(_STARTS)])
    speech = read_audio(SAMPLE)
    worker = InferenceWorker(settings.model, settings.worker)
    try:
        ready = await worker.start()
        rows = tuple([await _row(worker, speech, length_s, repeat) for length_s in LENGTHS_S])
        rss_mb = worker.health.rss_mb
    finally:
        await worker.close()
    return Report(
        machine=f"{_processor()}, {os.cpu_count()} cores, torch {version('torch')}",
        model=ready.stamp.name,
        sha256=ready.stamp.sha256,
        prompt=ready.stamp.prompt,
        readout=ready.stamp.readout,
        device=ready.device,
        repeat=repeat,
        rows=rows,
        ready_s=ready_s,
        worker_rss_mb=rss_mb,
    )


async def _row(worker: InferenceWorker, speech: NDArray[np.int16], length_s: float, repeat: int) -> Row:
    """Reads different stretches of speech of one length, one after the other."""
    n_samples = round(length_s * SAMPLE_RATE_HZ)
    starts = np.linspace(0, len(speech) - n_samples, WARM_UP + repeat).astype(int)
    stages: dict[str, list[float]] = {"features": [], "llm": [], "other": [], "total": []}
    for number, start in enumerate(starts):
        began_s = time.perf_counter()
        (reading,) = await worker.read([speech[start : start + n_samples]])
        total_ms = (time.perf_counter() - began_s) * 1000
        if reading.distribution is None:
            msg = f"no reading of {length_s:g} s of speech: {reading.reason}"
            raise EmotionMonitorError(msg)
        if number >= WARM_UP:
            other_ms = total_ms - reading.features_ms - reading.llm_ms
            for stage, value in zip(stages, (reading.features_ms, reading.llm_ms, other_ms, total_ms), strict=True):
                stages[stage].append(value)
    return Row(length_s=length_s, **{f"{stage}_ms": _percentiles(values) for stage, values in stages.items()})


def _percentiles(values: Sequence[float]) -> Percentiles:
    return Percentiles(p50=round(statistics.median(values), 1), p95=round(float(np.percentile(values, 95)), 1))


def _start_to_ready(settings: Settings) -> float:
    """Seconds from starting the program to its word that the model is ready."""
    command = [sys.executable, "-m", "monitor", "--verbose", "run", "--headless", "--mqtt", "off", "--source", "stdin"]
    command += ["--model", settings.model.name, "--device", settings.model.device]
    began_s = time.perf_counter()
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stderr is not None  # noqa: S101 - a pipe was asked for
        said = ""
        for line in program.stderr:
            said = line
            if READY in line:
                break
        ready_s = time.perf_counter() - began_s
        program.terminate()
        program.communicate()
    if READY not in said:
        msg = f"the program did not get ready: {said.strip()}"
        raise EmotionMonitorError(msg)
    return round(ready_s, 2)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:  # noqa: PTH123 - not a file one has
            return next(line.partition(":")[2].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _table(measured: Report) -> str:
    lines = [
        f"{measured.model} ({measured.sha256[:12]}), prompt {measured.prompt}, {measured.readout}, {measured.device}",
        f"on {measured.machine}; {measured.repeat} utterances per length; p50/p95 in ms",
        "",
        f"{'utterance':>10} {'features':>15} {'language model':>15} {'other':>15} {'total':>15}",
    ]
    for row in measured.rows:
        stages = (row.features_ms, row.llm_ms, row.other_ms, row.total_ms)
        cells = " ".join(f"{f'{stage.p50:.1f} / {stage.p95:.1f}':>15}" for stage in stages)
        lines.append(f"{f'{row.length_s:g} s':>10} {cells}")
    starts = ", ".join(f"{seconds:.1f}" for seconds in measured.ready_s)
    lines += ["", f"program start to ready: {starts} s; inference process: {measured.worker_rss_mb:.0f} MB"]
    return "\n".join(lines)
