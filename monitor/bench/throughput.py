"""`emotion-monitor bench throughput`: utterances a second, read one, two and more at once.

Through the inference process and its pipe. The sizes take turns, so that whatever else the machine does meets them all.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.distribution import js_divergence
from core.errors import EmotionMonitorError
from core.model import Reading
from core.settings import Settings
from core.sound.audio import read_audio
from core.wire.events import ModelStamp
from core.worker import InferenceWorker
from monitor.bench.machine import machine
from monitor.bench.outcome import Outcome, Ratio
from monitor.bench.stages import stretches
from monitor.percentile import percentile
from monitor.sources.opening import SAMPLE

DRIFT = 1e-3
"""Jensen-Shannon divergence, in nats, by which a reading may differ with what is read beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Batches of one size. `drift` is the largest divergence of a reading from what it is alone."""

    batch: int
    per_second: float
    """Median over the rounds."""
    low: float
    high: float
    drift: float
    rss_mb: float
    gpu_mb: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and where."""

    machine: str
    device: str
    length_s: float
    repeat: int
    rows: tuple[Row, ...]


def measure(settings: Settings, *, batches: Sequence[int], length_s: float, repeat: int) -> Outcome:
    """Measures batches of these sizes and, for comparison, of one."""
    return asyncio.run(_measure(settings, sorted({1, *batches}), length_s, repeat))


async def _measure(settings: Settings, batches: Sequence[int], length_s: float, repeat: int) -> Outcome:
    model = replace(settings.model, abstain=False, adapt=False)  # a refusal costs less than a reading
    sounds = list(stretches(read_audio(SAMPLE), length_s, max(batches)))
    rates: dict[int, list[float]] = {size: [] for size in batches}
    readings: dict[int, list[Reading]] = {}
    memory: dict[int, tuple[float, float | None]] = {}
    async with InferenceWorker(model, settings.worker) as worker:
        for number in range(repeat + 1):  # the first round warms up
            for size in batches:
                began_s = time.perf_counter()
                readings[size] = await worker.read(sounds[:size])
                took_s = time.perf_counter() - began_s
                if number:
                    rates[size].append(size / took_s)
                memory[size] = worker.health.rss_mb, worker.health.gpu_mb
        alone = [(await worker.read([sound]))[0] for sound in sounds]
        ready = worker.ready
    rows = tuple(_row(size, rates[size], readings[size], alone, memory[size]) for size in batches)
    report = Report(machine=machine(), device=ready.device, length_s=length_s, repeat=repeat, rows=rows)
    ratios = {f"batch_{row.batch}": Ratio(row.per_second / rows[0].per_second, "more") for row in rows[1:]}
    faults = [
        f"read {row.batch} at once, a reading differs by {row.drift:.1e} from what it is alone"
        for row in rows
        if row.drift > DRIFT
    ]
    return Outcome(
        bench="throughput",
        measured=report,
        text=_table(report, ready.stamp),
        ratios=ratios,
        faults=faults,
        model=ready.stamp,
    )


def _row(
    size: int, rates: list[float], readings: list[Reading], alone: list[Reading], memory: tuple[float, float | None]
) -> Row:
    drifts = []
    for reading, lone in zip(readings, alone, strict=False):
        if reading.distribution is None or lone.distribution is None:
            msg = f"no reading: {reading.reason or lone.reason}"
            raise EmotionMonitorError(msg)
        drifts.append(js_divergence(reading.distribution, lone.distribution))
    rss_mb, gpu_mb = memory
    return Row(
        batch=size,
        per_second=round(percentile(rates, 50) or 0.0, 2),
        low=round(min(rates), 2),
        high=round(max(rates), 2),
        drift=float(np.max(drifts)),
        rss_mb=round(rss_mb, 1),
        gpu_mb=gpu_mb,
    )


def _table(measured: Report, stamp: ModelStamp) -> str:
    rows = [
        f"{row.batch:>6} {row.per_second:>12.2f} {row.low:>8.2f} {row.high:>8.2f} {row.drift:>9.1e} {row.rss_mb:>8.0f}"
        for row in measured.rows
    ]
    lines = [
        f"{stamp.name} ({stamp.sha256[:12]}), prompt {stamp.prompt}, {stamp.readout}, {measured.device}",
        f"on {measured.machine}; utterances of {measured.length_s:g} s, {measured.repeat} rounds",
        "",
        f"{'batch':>6} {'utterances/s':>12} {'least':>8} {'most':>8} {'drift':>9} {'RSS, MB':>8}",
        *rows,
        "",
        "drift: largest Jensen-Shannon divergence of a reading from what it is when read alone, in nats",
    ]
    return "\n".join(lines)
