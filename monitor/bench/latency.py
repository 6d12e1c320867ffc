"""`emotion-monitor bench latency`: from the end of an utterance to its reading, by stage; start-up; memory.

Utterances go through the real inference process and its pipe, as users meet it, and start-up is that of the whole
program in a fresh interpreter. Beside it stands what `monitor.bench.stages` finds inside such a process.
"""

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import EmotionMonitorError
from core.settings import Settings
from core.sound.audio import read_audio
from core.worker import InferenceWorker
from monitor.bench.machine import machine
from monitor.bench.percentiles import Percentiles
from monitor.bench.stages import LENGTHS_S, WARM_UP, Inside, measure, stretches
from monitor.sources.opening import SAMPLE

GOAL = 1.5
"""Total over floor that `Inside` should not exceed."""
READY = "ready: "
"""How the pipeline's log begins its word that the model has read a probe."""
_STARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Utterances of one length through the pipe. `other` is the pipe and what lies between the stages."""

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
    inside: Inside
    ready_s: tuple[float, ...]
    """Program start to a model that has read a probe; the first of several starts may find cold disk caches."""
    worker_rss_mb: float


def report(settings: Settings, *, repeat: int, as_json: bool) -> int:
    """Measures and prints; exit status 0."""
    measured = asyncio.run(_measure(settings, repeat))
    print(json.dumps(asdict(measured), indent=2) if as_json else _table(measured))
    return 0


async def _measure(settings: Settings, repeat: int) -> Report:
    settings = replace(settings, model=replace(settings.model, abstain=False))  # a refusal costs less than a reading
    ready_s = tuple([await asyncio.to_thread(_start_to_ready, settings) for _ in range(_STARTS)])
    inside = await asyncio.to_thread(measure, settings, repeat=repeat)
    speech = read_audio(SAMPLE)
    worker = InferenceWorker(settings.model, settings.worker)
    try:
        ready = await worker.start()
        rows = tuple([await _row(worker, speech, length_s, repeat) for length_s in LENGTHS_S])
        rss_mb = worker.health.rss_mb
    finally:
        await worker.close()
    return Report(
        machine=machine(),
        model=ready.stamp.name,
        sha256=ready.stamp.sha256,
        prompt=ready.stamp.prompt,
        readout=ready.stamp.readout,
        device=ready.device,
        repeat=repeat,
        rows=rows,
        inside=inside,
        ready_s=ready_s,
        worker_rss_mb=rss_mb,
    )


async def _row(worker: InferenceWorker, speech: NDArray[np.int16], length_s: float, repeat: int) -> Row:
    """Reads different stretches of speech of one length, one after the other."""
    stages: dict[str, list[float]] = {"features": [], "llm": [], "other": [], "total": []}
    for number, sound in enumerate(stretches(speech, length_s, WARM_UP + repeat)):
        began_s = time.perf_counter()
        (reading,) = await worker.read([sound])
        total_ms = (time.perf_counter() - began_s) * 1000
        if not reading.llm_ms:  # a reading that the model refuses after all has its times too
            msg = f"no reading of {length_s:g} s of speech: {reading.reason}"
            raise EmotionMonitorError(msg)
        if number >= WARM_UP:
            other_ms = total_ms - reading.features_ms - reading.llm_ms
            for stage, value in zip(stages, (reading.features_ms, reading.llm_ms, other_ms, total_ms), strict=True):
                stages[stage].append(value)
    return Row(length_s=length_s, **{f"{stage}_ms": Percentiles.of(values) for stage, values in stages.items()})


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


def _table(measured: Report) -> str:
    inside = measured.inside
    stages = ("mel", "encoder", "TLTR", "language model", "other", "total", "floor")
    lines = [
        f"{measured.model} ({measured.sha256[:12]}), prompt {measured.prompt}, {measured.readout}, {measured.device}",
        f"on {measured.machine}, {inside.threads} threads; {measured.repeat} utterances per length; p50 / p95 in ms",
        "",
        f"inside the inference process, encoder in {inside.precision};",
        "floor: a plain Whisper encoder of the same size and precision over the same window",
        _cells("utterance", *stages, "total/floor"),
    ]
    for row in inside.rows:
        times = (row.mel_ms, row.encoder_ms, row.tltr_ms, row.llm_ms, row.other_ms, row.total_ms, row.floor_ms)
        lines.append(_cells(f"{row.length_s:g} s", *times, f"{row.ratio:.2f}"))
    lines += [
        f"goal: total at most {GOAL:g} x floor",
        "",
        "through its pipe",
        _cells("utterance", "features", "language model", "other", "total"),
    ]
    for piped in measured.rows:
        stages_ms = (piped.features_ms, piped.llm_ms, piped.other_ms, piped.total_ms)
        lines.append(_cells(f"{piped.length_s:g} s", *stages_ms))
    starts = ", ".join(f"{seconds:.1f}" for seconds in measured.ready_s)
    lines += [
        "",
        f"program start to ready: {starts} s",
        f"of that in the inference process: imports {inside.import_s:.1f} s, loading and warm-up {inside.load_s:.1f} s",
        f"memory of the inference process: {inside.rss_mb:.0f} MB loaded, {measured.worker_rss_mb:.0f} MB after use",
    ]
    return "\n".join(lines)


def _cells(length: str, *values: object) -> str:
    return " ".join([f"{length:>10}", *(f"{value!s:>15}" for value in values)])
