"""`emotion-monitor bench vad`: what cutting sound into utterances costs beside its detector alone, on one core.

Time is that of the thread, not of the clock on the wall: what else the machine does counts little. Detector alone, the
segmenter on blocks of a second and on those that sources give take turns; each one's fastest round counts.
"""

import statistics
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import webrtcvad
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ
from core.settings import Settings, VadSettings
from core.sound.audio import read_audio
from core.sound.frames import SAMPLE_BYTES, samples_in
from core.sound.segmenter import Output
from core.sound.speech_segmenter import SpeechSegmenter
from core.sound.utterance import Utterance
from monitor.bench.machine import machine
from monitor.bench.outcome import Outcome, Ratio
from monitor.sources.opening import SAMPLE
from monitor.sources.source import BLOCK_S

if TYPE_CHECKING:
    from collections.abc import Callable

_FRAME_MS: tuple[Literal[10, 20, 30], ...] = (10, 20, 30)
_SECOND = SAMPLE_RATE_HZ
_BLOCK = round(BLOCK_S * SAMPLE_RATE_HZ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Frames of one length; microseconds of CPU time for each frame.

    `ratio` is the segmenter on blocks of a second over the detector alone; `spread` is the interquartile range of that
    ratio over the rounds.
    """

    frame_ms: int
    detector_us: float
    segmenter_us: float
    segmenter_live_us: float
    """On blocks as sources give them, in real time."""
    ratio: float
    spread: float
    times_real_time: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and where."""

    machine: str
    repeat: int
    sound_s: float
    rows: tuple[Row, ...]


def measure(settings: Settings, *, repeat: int) -> Outcome:
    """Measures with these settings, but for the length of frames and readings within an utterance."""
    sound = read_audio(SAMPLE)
    found = [_row(settings, ms, sound, repeat) for ms in _FRAME_MS]
    rows = tuple(row for row, _ in found)
    report = Report(machine=machine(), repeat=repeat, sound_s=len(sound) / SAMPLE_RATE_HZ, rows=rows)
    return Outcome(
        bench="vad",
        measured=report,
        text=_table(report),
        ratios={f"vad_{row.frame_ms}ms": Ratio(row.ratio) for row in rows},
        faults=[fault for _, faults in found for fault in faults],
    )


def _row(
    settings: Settings, frame_ms: Literal[10, 20, 30], sound: NDArray[np.int16], repeat: int
) -> tuple[Row, list[str]]:
    vad = replace(settings.vad, frame_ms=frame_ms)
    ways: dict[str, Callable[[], object]] = {
        "detector": lambda: _detect(vad, sound),
        "segmenter": lambda: _cut(settings, vad, sound, _SECOND),
        "live": lambda: _cut(settings, vad, sound, _BLOCK),
    }
    took_s: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeat):
        for name, way in ways.items():
            began_s = time.thread_time()
            way()
            took_s[name].append(time.thread_time() - began_s)
    least_s = {name: min(times) for name, times in took_s.items()}
    frames = len(sound) // samples_in(frame_ms)
    ratios = [ours / bare for ours, bare in zip(took_s["segmenter"], took_s["detector"], strict=True)]
    row = Row(
        frame_ms=frame_ms,
        detector_us=round(1e6 * least_s["detector"] / frames, 2),
        segmenter_us=round(1e6 * least_s["segmenter"] / frames, 2),
        segmenter_live_us=round(1e6 * least_s["live"] / frames, 2),
        ratio=round(least_s["segmenter"] / least_s["detector"], 3),
        spread=round(_spread(ratios), 3),
        times_real_time=round(len(sound) / SAMPLE_RATE_HZ / least_s["segmenter"]),
    )
    return row, _faults(settings, vad, sound)


def _detect(vad: VadSettings, sound: NDArray[np.int16]) -> None:
    """The loop that one would write without a segmenter."""
    detector, data = webrtcvad.Vad(vad.mode), sound.tobytes()
    size = samples_in(vad.frame_ms) * SAMPLE_BYTES
    for at in range(0, len(data) - size + 1, size):
        detector.is_speech(data[at : at + size], SAMPLE_RATE_HZ)


def _cut(settings: Settings, vad: VadSettings, sound: NDArray[np.int16], block: int) -> list[Output]:
    segmenter = SpeechSegmenter(settings.segmenter, vad)
    outputs: list[Output] = []
    for at in range(0, len(sound), block):
        outputs += segmenter.push(sound[at : at + block])
    return [*outputs, *segmenter.flush()]


def _faults(settings: Settings, vad: VadSettings, sound: NDArray[np.int16]) -> list[str]:
    """Utterances must not depend on how the sound was cut into blocks, nor lose a sample."""
    known = [_plain(output) for output in _cut(settings, vad, sound, _SECOND)]
    faults = []
    if any([_plain(output) for output in _cut(settings, vad, sound, block)] != known for block in (_BLOCK, 777)):
        faults.append(f"{vad.frame_ms} ms: what comes out depends on how the sound is cut into blocks")
    segmenter = SpeechSegmenter(settings.segmenter, vad)
    segmenter.push(sound)
    segmenter.flush()
    if not segmenter.counts.adds_up or segmenter.counts.captured != len(sound):
        faults.append(f"{vad.frame_ms} ms: samples do not add up")
    return faults


def _plain(output: Output) -> object:
    """An output that can be compared."""
    if isinstance(output, Utterance):
        return output.number, output.start, output.final, output.hangover, output.samples.tobytes()
    return output


def _spread(values: list[float]) -> float:
    if len(values) < 2:  # noqa: PLR2004 - one has none
        return 0.0
    first, _, third = statistics.quantiles(values, n=4)
    return third - first


def _table(measured: Report) -> str:
    rows = [
        f"{row.frame_ms:>3} ms {row.detector_us:>10.2f} {row.segmenter_us:>10.2f} {row.ratio:>7.2f} "
        f"{row.spread:>6.2f} {row.times_real_time:>12.0f} {row.segmenter_live_us:>8.2f}"
        for row in measured.rows
    ]
    lines = [
        f"on {measured.machine}; {measured.sound_s:.0f} s of speech, {measured.repeat} rounds",
        "microseconds of CPU time for a frame, of the fastest round",
        "",
        f"{'frame':>6} {'detector':>10} {'segmenter':>10} {'ratio':>7} {'+-':>6} {'x real time':>12} {'live':>8}",
        *rows,
        "",
        f"detector: webrtcvad alone. live: in blocks of {BLOCK_S * 1000:.0f} ms, as sources give them",
    ]
    return "\n".join(lines)
