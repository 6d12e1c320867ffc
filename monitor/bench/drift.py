"""`emotion-monitor bench drift`: how far quantised weights move readings, and what they save on this machine.

The same sounds are read with the weights as they are stored and with each kind of quantised ones, uncalibrated: the
shipped sample cut into stretches, the same in seeded noise, and the utterances of files that are given. Drift depends
on the weights: what is found for one model says nothing of another.
"""

import gc
import math
import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS, js_divergence
from core.errors import EmotionMonitorError
from core.model import SAMPLE_RATE_HZ, Reading
from core.recording import utterances_by_block
from core.settings import Settings
from core.sound.audio import decode_blocks, read_audio
from core.worker.models import load_model
from core.worker.process import ENVIRONMENT
from monitor.bench.machine import machine
from monitor.bench.outcome import Outcome, Ratio
from monitor.bench.stages import stretches
from monitor.percentile import percentile
from monitor.sources.opening import SAMPLE

if TYPE_CHECKING:
    from core.ltu_as.quantization import Quantization
    from core.wire.events import ModelStamp

DIVERGENCE = 1e-3
"""Mean Jensen-Shannon divergence, in nats, that quantised weights may bring about."""
CHANGED = 0.005
"""Share of readings whose likeliest emotion may be another one."""

_LENGTH_S = 3.0
_SNR_DB = (20.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of weights. What compares it with the stored ones is 0 in their own row.

    `changed` is the share of readings whose likeliest emotion is another one; `macro` the absolute change of an
    emotion's probability, averaged over readings, then over the four; `unread` counts the sounds that only one of the
    two gave a reading of.
    """

    weights: str
    layers_mb: float
    """The language model's layers."""
    llm_ms: float
    """Median time of the language model."""
    js_mean: float
    js_p95: float
    js_max: float
    changed: float
    macro: float
    unread: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and where."""

    machine: str
    device: str
    stored: str
    """Precision that the quantised weights are compared with."""
    sounds: int
    sound_s: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """All sounds, read with one kind of weights."""

    weights: str
    readings: list[Reading]
    layers_mb: float
    stamp: "ModelStamp"
    device: str
    dtype: str


def measure(settings: Settings, *, weights: "Sequence[Quantization]", files: Sequence[Path], repeat: int) -> Outcome:
    """Reads `repeat` stretches of the sample, as many in noise, and all utterances of the files.

    Raises:
        UsageError: torchao is not installed, the GPU is too old, or there is no such file.
        AudioError: A file cannot be read.
        EmotionMonitorError: The model cannot be loaded, or has no language model.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # before torch is loaded
    from core.ltu_as.quantization import check_quantization

    for kind in weights:
        check_quantization(kind, settings.model.device)
    sounds = [*_sounds(repeat), *(sound for file in files for sound in _utterances(file, settings))]
    stored = _read(settings, None, sounds)
    rows = tuple(_row(stored, one) for one in (stored, *(_read(settings, kind, sounds) for kind in weights)))
    report = Report(
        machine=machine(),
        device=stored.device,
        stored=stored.dtype,
        sounds=len(sounds),
        sound_s=round(sum(map(len, sounds)) / SAMPLE_RATE_HZ, 1),
        rows=rows,
    )
    ratios = {f"llm_{row.weights}": Ratio(row.llm_ms / rows[0].llm_ms) for row in rows[1:]}
    ratios |= {f"memory_{row.weights}": Ratio(row.layers_mb / rows[0].layers_mb) for row in rows[1:]}
    return Outcome(
        bench="drift",
        measured=report,
        text=_table(report, stored.stamp),
        ratios=ratios,
        faults=[fault for row in rows[1:] for fault in faults(row)],
        model=stored.stamp,
    )


def faults(row: Row) -> list[str]:
    """What is beyond the gate."""
    found = []
    if not row.js_mean <= DIVERGENCE:  # NaN too
        found.append(f"{row.weights}: readings drift by {row.js_mean:.2g} nats, more than {DIVERGENCE:g}")
    if row.changed > CHANGED:
        found.append(f"{row.weights}: {row.changed:.1%} of readings name another emotion, more than {CHANGED:.1%}")
    if row.unread:
        found.append(f"{row.weights}: {row.unread} sounds have a reading with one kind of weights only")
    return found


def _sounds(number: int) -> Iterator[NDArray[np.int16]]:
    speech = read_audio(SAMPLE)
    for n, sound in enumerate(stretches(speech, _LENGTH_S, number)):
        yield sound
        random = np.random.default_rng(n)
        wanted = np.sqrt(np.square(sound, dtype=np.float64).mean()) * 10 ** (-_SNR_DB[n % len(_SNR_DB)] / 20)
        noisy = sound + random.normal(size=len(sound)) * wanted
        yield np.clip(np.round(noisy), -32_768, 32_767).astype(np.int16)


def _utterances(file: Path, settings: Settings) -> Iterator[NDArray[np.int16]]:
    for utterances in utterances_by_block(decode_blocks(file), settings):
        yield from (utterance.samples for utterance in utterances)


def _read(settings: Settings, weights: "Quantization | None", sounds: Sequence[NDArray[np.int16]]) -> _Read:
    """Loads and reads; afterwards the model is gone, so that two are never in memory."""
    from core.ltu_as.quantization import held_bytes
    from core.ltu_as.reader import LTUASReader

    wanted = replace(settings.model, quantize=weights or "off", calibration="off", abstain=False, adapt=False)
    reader = load_model(wanted, threads=settings.worker.threads)
    if not isinstance(reader, LTUASReader):
        msg = f"{reader.stamp.name} has no language model whose weights could be quantised"
        raise EmotionMonitorError(msg, hint="give the name or folder of an LTU-AS model")
    found = _Read(
        weights=weights or "stored",
        readings=[reader.read([sound])[0] for sound in sounds],
        layers_mb=held_bytes(reader.model.llama.model.layers) / 1e6,
        stamp=reader.stamp,
        device=reader.device,
        dtype=str(reader.model.dtype).removeprefix("torch."),
    )
    del reader
    gc.collect()
    return found


def _row(stored: _Read, other: _Read) -> Row:
    pairs = [(a.distribution, b.distribution) for a, b in zip(stored.readings, other.readings, strict=True)]
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    apart = [js_divergence(a, b) for a, b in both] or [math.nan]
    moved = [abs(x - y) for a, b in both for x, y in zip(a, b, strict=True)]
    return Row(
        weights=other.weights,
        layers_mb=round(other.layers_mb, 3),
        llm_ms=round(statistics.median(reading.llm_ms for reading in other.readings), 3),
        js_mean=statistics.fmean(apart),
        js_p95=percentile(apart, 95) or 0.0,
        js_max=max(apart),
        changed=sum(a.dominant != b.dominant for a, b in both) / max(len(both), 1),
        macro=sum(moved) / max(len(both), 1) / len(EMOTIONS),
        unread=sum((a is None) != (b is None) for a, b in pairs),
    )


def _table(report: Report, stamp: "ModelStamp") -> str:
    head = (
        f"{'weights':<8} {'layers MB':>10} {'llm ms':>8} {'JS mean':>9} {'JS p95':>9} {'JS max':>9} "
        f"{'changed':>8} {'macro':>8}"
    )
    rows = [
        f"{row.weights:<8} {row.layers_mb:>10.4g} {row.llm_ms:>8.1f} {row.js_mean:>9.1e} {row.js_p95:>9.1e} "
        f"{row.js_max:>9.1e} {row.changed:>8.1%} {row.macro:>8.1e}"
        for row in report.rows
    ]
    lines = [
        f"{stamp.name}, {stamp.prompt}, {stamp.readout}, uncalibrated; on {report.machine}, {report.device}",
        f"{report.sounds} sounds, {report.sound_s:g} s; divergences in nats from {report.stored}",
        "",
        head,
        *rows,
        "",
        "changed: another emotion is the likeliest. macro: mean change of an emotion's probability",
    ]
    return "\n".join(lines)
