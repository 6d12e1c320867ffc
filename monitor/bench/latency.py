"""`emotion-monitor bench latency`: from the end of an utterance to its reading, by stage; start-up; memory.

Utterances go through the real inference process and its pipe, as users meet it, and start-up is that of the whole
program in a fresh interpreter. Beside it stands what `monitor.bench.stages` finds inside such a process.
"""

import asyncio
import subprocess
import sys
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import EmotionMonitorError
from core.settings import Settings
from core.sound.audio import read_audio
from core.wire.events import ModelStamp
from core.worker import InferenceWorker
from monitor.bench import stages
from monitor.bench.machine import machine
from monitor.bench.outcome import Outcome, Ratio
from monitor.bench.percentiles import Percentiles
from monitor.bench.stages import LENGTHS_S, WARM_UP, Inside, StageRow, stretches
from monitor.sources.opening import SAMPLE

GOAL = 1.5
"""Total over floor that `Inside` should not exceed."""
UNACCOUNTED = 0.02
"""Share of a reading that may belong to no stage."""
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


def measure(settings: Settings, *, repeat: int) -> Outcome:
    """Measures; the ratios are those of a whole reading over its floor."""
    measured, stamp = asyncio.run(_measure(settings, repeat))
    rows = measured.inside.rows
    return Outcome(
        bench="latency",
        measured=measured,
        text=_table(measured),
        ratios={f"floor_{row.length_s:g}s": Ratio(row.ratio) for row in rows},
        faults=[fault for row in rows for fault in _faults(row)],
        model=stamp,
    )


def _faults(row: StageRow) -> list[str]:
    """The stages must make up the whole; each is rounded, and medians of parts need not be those of the whole."""
    stages = (row.mel_ms, row.encoder_ms, row.tltr_ms, row.llm_ms, row.other_ms)
    gap_ms = abs(sum(stage.p50 for stage in stages) - row.total_ms.p50)
    if gap_ms <= max(UNACCOUNTED * row.total_ms.p50, 1.0):
        return []
    return [f"{row.length_s:g} s: the stages and the whole differ by {gap_ms:.1f} ms"]


async def _measure(settings: Settings, repeat: int) -> tuple[Report, ModelStamp]:
    settings = replace(settings, model=replace(settings.model, abstain=False))  # a refusal costs less than a reading
    ready_s = tuple([await asyncio.to_thread(_start_to_ready, settings) for _ in range(_STARTS)])
    inside = await asyncio.to_thread(stages.measure, settings, repeat=repeat)
    speech = read_audio(SAMPLE)
    worker = InferenceWorker(settings.model, settings.worker)
    try:
        ready = await worker.start()
        rows = tuple([await _row(worker, speech, length_s, repeat) for length_s in LENGTHS_S])
        rss_mb = worker.health.rss_mb
    finally:
        await worker.close()
    measured = Report(
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
    return measured, ready.stamp


async def _row(worker: InferenceWorker, speech: NDArray[np.int16], length_s: float, repeat: int) -> Row:
    """Reads different stretches of speech of one length, one after the other."""
    taken_ms: dict[str, list[float]] = {"features": [], "llm": [], "other": [], "total": []}
    for number, sound in enumerate(stretches(speech, length_s, WARM_UP + repeat)):
        began_s = time.perf_counter()
        (reading,) = await worker.read([sound])
        total_ms = (time.perf_counter() - began_s) * 1000
        if not reading.llm_ms:  # a reading that the model refuses after all has its times too
            msg = f"no reading of {length_s:g} s of speech: {reading.reason}"
            raise EmotionMonitorError(msg)
        if number >= WARM_UP:
            other_ms = total_ms - reading.features_ms - reading.llm_ms
            values_ms = (reading.features_ms, reading.llm_ms, other_ms, total_ms)
            for stage, value_ms in zip(taken_ms, values_ms, strict=True):
                taken_ms[stage].append(value_ms)
    return Row(length_s=length_s, **{f"{stage}_ms": Percentiles.of(values) for stage, values in taken_ms.items()})


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
    heads = ("mel", "encoder", "TLTR", "language model", "other", "total", "floor")
    lines = [
        f"{measured.model} ({measured.sha256[:12]}), prompt {measured.prompt}, {measured.readout}, {measured.device}",
        f"on {measured.machine}, {inside.threads} threads; {measured.repeat} utterances per length; p50 / p95 in ms",
        "",
        f"inside the inference process, encoder in {inside.precision};",
        "floor: a plain Whisper encoder of the same size and precision over the same window",
        _cells("utterance", *heads, "total/floor"),
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
