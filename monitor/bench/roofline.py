"""`emotion-monitor bench roofline`: how long a reading takes, beside what this machine could do it in at best.

The limit of a stage is the longer of two times: its multiplications at the speed that this machine multiplies large
matrices at, and one read of its weights at the speed that it copies memory. Weights that fit into a cache are read
faster than that: where a stage beats its limit, that is why.
"""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.errors import EmotionMonitorError
from core.settings import Settings
from core.sound.audio import read_audio
from core.worker.models import load_model
from core.worker.process import ENVIRONMENT
from monitor.bench.machine import machine
from monitor.bench.outcome import Outcome, Ratio
from monitor.bench.stages import LENGTHS_S, WARM_UP, stretches
from monitor.sources.opening import SAMPLE

if TYPE_CHECKING:
    import torch
    from torch import nn

    from core.ltu_as.reader import LTUASReader

_MATRIX = {"cpu": 1536, "cuda": 8192}
_COPY_BYTES = {"cpu": 1 << 27, "cuda": 1 << 31}
_TRIES = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of the work on one utterance. `ratio` is the median time over the limit."""

    stage: str
    length_s: float
    gflop: float
    weights_mb: float
    limit_ms: float
    took_ms: float
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and where."""

    machine: str
    device: str
    threads: int
    copied_gb_per_s: float
    gflop_per_s: dict[str, float]
    """By the precision that is multiplied in."""
    stages: tuple[Stage, ...]


def measure(settings: Settings, *, repeat: int) -> Outcome:
    """Measures the machine, then utterances of several lengths.

    Raises:
        EmotionMonitorError: The model cannot be loaded, or is of a kind without stages.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # before torch is loaded: threads that spin would measure each other
    import torch

    from core.ltu_as.reader import LTUASReader

    model_settings = replace(settings.model, abstain=False, adapt=False)
    reader = load_model(model_settings, threads=settings.worker.threads)
    if not isinstance(reader, LTUASReader):
        msg = f"{reader.stamp.name} has no stages"
        raise EmotionMonitorError(msg, hint="give the name or folder of an LTU-AS model")
    model, device = reader.model, reader.model.device
    speeds = _Speeds(device)
    parts: dict[str, tuple[torch.dtype, list[nn.Module]]] = {
        "features": (model.whisper.conv1.weight.dtype, [model.whisper]),
        "answer": (model.dtype, [model.audio_encoder, model.audio_proj, model.llama]),
    }
    stages = [stage for length_s in LENGTHS_S for stage in _stages(reader, length_s, repeat, parts, speeds)]
    report = Report(
        machine=machine(),
        device=str(device),
        threads=torch.get_num_threads(),
        copied_gb_per_s=round(speeds.bytes_per_s / 1e9, 2),
        gflop_per_s={name: round(flop / 1e9, 1) for name, flop in speeds.known.items()},
        stages=tuple(stages),
    )
    whole = [[stage for stage in stages if stage.length_s == length_s] for length_s in LENGTHS_S]
    ratios = {
        f"whole_{of[0].length_s:g}s": Ratio(sum(s.took_ms for s in of) / sum(s.limit_ms for s in of)) for of in whole
    }
    faults = [f"{stage.stage}: nothing was counted" for stage in stages if stage.gflop <= 0 or stage.took_ms <= 0]
    return Outcome(
        bench="roofline",
        measured=report,
        text=_table(report, reader.stamp.name),
        ratios=ratios,
        faults=faults,
        model=reader.stamp,
    )


class _Speeds:
    """What a device does at best: memory, and multiplications in each precision asked for."""

    def __init__(self, device: "torch.device") -> None:
        import torch

        self._device = device
        self.known: dict[str, float] = {}
        source = torch.ones(_COPY_BYTES[device.type] // 4, device=device)
        target = torch.empty_like(source)
        self.bytes_per_s = 2 * source.nbytes / self._fastest_s(lambda: target.copy_(source))

    def flop_per_s(self, dtype: "torch.dtype") -> float:
        """Multiplications and additions a second, of large square matrices."""
        import torch

        name = str(dtype).removeprefix("torch.")
        if name not in self.known:
            size = _MATRIX[self._device.type]
            a, b = (torch.randn(size, size, device=self._device).to(dtype) for _ in range(2))
            self.known[name] = 2 * size**3 / self._fastest_s(lambda: a @ b)
        return self.known[name]

    def _fastest_s(self, work: Callable[[], object]) -> float:
        return min(_timed(work, self._device) for _ in range(_TRIES))


def _stages(
    reader: "LTUASReader",
    length_s: float,
    repeat: int,
    parts: "dict[str, tuple[torch.dtype, list[nn.Module]]]",
    speeds: _Speeds,
) -> list[Stage]:
    from torch.utils.flop_counter import FlopCounterMode

    device = reader.model.device
    sounds = list(stretches(read_audio(SAMPLE), length_s, WARM_UP + repeat))
    took_s: dict[str, list[float]] = {name: [] for name in parts}
    flop: dict[str, int] = {}
    for number, sound in enumerate(sounds):
        heard = reader.hear([sound])
        work: dict[str, Callable[[], object]] = {
            "features": lambda sound=sound: reader.hear([sound]),  # type: ignore[misc]
            "answer": lambda heard=heard: reader.steps(heard, transcripts=[None]),  # type: ignore[misc]
        }
        for name, one in work.items():
            if number == 0:
                with FlopCounterMode(display=False) as counter:
                    one()
                flop[name] = counter.get_total_flops()
            elif number >= WARM_UP:
                took_s[name].append(_timed(one, device))
            else:
                one()
    stages = []
    for name, (dtype, modules) in parts.items():
        weights = sum(weight.nbytes for module in modules for weight in module.parameters())
        limit_s = max(flop[name] / speeds.flop_per_s(dtype), weights / speeds.bytes_per_s)
        median_s = statistics.median(took_s[name])
        stages.append(
            Stage(
                stage=name,
                length_s=length_s,
                gflop=round(flop[name] / 1e9, 3),
                weights_mb=round(weights / 1e6, 1),
                limit_ms=round(1000 * limit_s, 2),
                took_ms=round(1000 * median_s, 2),
                ratio=round(median_s / limit_s, 2),
            )
        )
    return stages


def _timed(work: Callable[[], object], device: "torch.device") -> float:
    import torch

    def now_s() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    began_s = now_s()
    work()
    return now_s() - began_s


def _table(measured: Report, name: str) -> str:
    speeds = ", ".join(f"{speed:.0f} GFLOP/s in {dtype}" for dtype, speed in measured.gflop_per_s.items())
    rows = [
        f"{stage.length_s:>7g} s {stage.stage:>9} {stage.gflop:>9.2f} {stage.weights_mb:>12.1f} "
        f"{stage.limit_ms:>10.2f} {stage.took_ms:>9.2f} {stage.ratio:>6.2f}"
        for stage in measured.stages
    ]
    lines = [
        f"{name} on {measured.machine}, {measured.device}, {measured.threads} threads",
        f"{measured.copied_gb_per_s:.1f} GB/s copied, {speeds}",
        "",
        f"{'length':>9} {'stage':>9} {'GFLOP':>9} {'weights, MB':>12} {'limit, ms':>10} {'took, ms':>9} {'ratio':>6}",
        *rows,
        "",
        "features: spectrogram and encoder. answer: TLTR, language model, read-out",
    ]
    return "\n".join(lines)
