"""How the shipped model is read fastest on this CPU: threads, precision, quantisation, torch.compile, the window.

    python -m benchmarks.mini_cpu [--repeat 12] [--compile] [--json FILE]

The ways take turns, so that whatever else the machine does meets them all; the first is the program's own. Printed for
each are the median of its times in milliseconds, the median of their ratio to the program's own way in the same turn,
and the largest divergence of a reading from the program's own. With --compile the encoder is compiled too, once for
each length: utterances are of several hundred lengths, so that time counts. Ways by torchao need that package.
"""

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from core.worker.process import ENVIRONMENT

os.environ.update(ENVIRONMENT | os.environ)  # as the inference process; before torch is loaded

import torch
from torch import nn

from core.distribution import js_divergence
from core.ltu_as.folder import resolve_model
from core.ltu_as.precision import has_native_bfloat16
from core.ltu_as.reader import LTUASReader
from core.sound.audio import read_audio
from monitor.bench.machine import machine
from monitor.bench.stages import stretches
from monitor.sources.opening import SAMPLE

LENGTHS_S = (3.0, 10.0)


@dataclass(frozen=True)
class Way:
    """One way of reading, and what was measured of it: by length the times in ms, and those over the first way's."""

    name: str
    threads: int
    reader: LTUASReader
    took_ms: dict[float, list[float]] = field(default_factory=lambda: {s: [] for s in LENGTHS_S})
    ratios: dict[float, list[float]] = field(default_factory=lambda: {s: [] for s in LENGTHS_S})
    first_ms: list[float] = field(default_factory=list)
    drift: list[float] = field(default_factory=list)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=12)
    parser.add_argument("--compile", action="store_true", help="also with a compiled encoder")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured")
    arguments = parser.parse_args()
    torch.set_grad_enabled(mode=False)
    ways = list(made_ways(compiled=arguments.compile))
    measure(ways, arguments.repeat)
    about = f"{machine()}, load {os.getloadavg()[0]:.1f}; {arguments.repeat} readings"
    print(f"on {about}; median ms / over the first way's")
    print(
        "| way | threads | "
        + " | ".join(f"{s:g} s" for s in LENGTHS_S)
        + " | first of a new length, ms | drift, nats |"
    )
    print("|---|---|" + "---|" * (len(LENGTHS_S) + 2))
    for way in ways:
        cells = [f"{statistics.median(way.took_ms[s]):.0f} / {statistics.median(way.ratios[s]):.2f}" for s in LENGTHS_S]
        print(f"| {way.name} | {way.threads} | {' | '.join(cells)} | {way.first_ms[-1]:.0f} | {max(way.drift):.1e} |")
    if arguments.json:
        rows = [{name: value for name, value in vars(way).items() if name != "reader"} for way in ways]
        arguments.json.write_text(json.dumps({"on": about, "ways": rows}, indent=1) + "\n", encoding="utf-8")


def made_ways(*, compiled: bool) -> Iterator[Way]:
    """The program's own way comes first."""
    own = torch.get_num_threads()
    usual = "bfloat16" if has_native_bfloat16() else "float32"
    for dtype in sorted(("bfloat16", "float32"), key=lambda name: name != usual):
        reader = _reader(encoder_dtype=dtype)
        for threads in sorted({own, 1}, reverse=True):
            yield Way(dtype, threads, reader)
    whole = _reader()
    whole.model.config = replace(
        whole.model.config, audio=replace(whole.model.config.audio, window="fixed", piece_s=None)
    )
    yield Way("the whole window, however short the sound", own, whole)
    if find_spec("torchao"):
        for name, config in _torchao_ways().items():
            yield Way(f"encoder {name}", own, _changed(lambda encoder, how=config: _by_torchao(encoder, how)))
        for kind in ("int8", "int4"):
            yield Way(f"language model {kind} (model.quantize)", own, _reader(quantize=kind))
    yield Way("encoder int8, dynamic (torch.ao)", own, _changed(_by_torch))
    if compiled:
        reader = _reader()
        reader.model.whisper.forward = torch.compile(reader.model.whisper.forward, dynamic=False)  # type: ignore[method-assign]
        yield Way("encoder compiled", own, reader)


def _reader(**how: Any) -> LTUASReader:
    return LTUASReader(resolve_model("ltu-as-mini"), calibrate=False, abstain=False, **how)


def _changed(change: Callable[[nn.Module], nn.Module]) -> LTUASReader:
    """A reader whose encoder, in float32, was changed."""
    reader = _reader(encoder_dtype="float32")
    reader.model.whisper = change(reader.model.whisper)  # type: ignore[assignment]
    return reader


def _torchao_ways() -> dict[str, Any]:
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig

    return {
        "int8, dynamic (torchao)": Int8DynamicActivationInt8WeightConfig(set_inductor_config=False),
        "int8, weights only (torchao)": Int8WeightOnlyConfig(set_inductor_config=False),
    }


def _by_torchao(encoder: nn.Module, config: Any) -> nn.Module:
    from torchao.quantization import quantize_

    quantize_(encoder, config)
    return encoder


def _by_torch(encoder: nn.Module) -> nn.Module:
    with warnings.catch_warnings(action="ignore"):  # it is deprecated, and the only one with kernels for this
        made: nn.Module = torch.ao.quantization.quantize_dynamic(encoder, {nn.Linear}, dtype=torch.qint8)
    return made


def measure(ways: list[Way], repeat: int) -> None:
    """Reads stretches of the sample of each length, every way in turn; the first of a length is counted apart."""
    speech = read_audio(SAMPLE)
    for length_s in LENGTHS_S:
        for number, sound in enumerate(stretches(speech, length_s, repeat + 1)):
            known = usual_ms = None
            for way in ways:
                torch.set_num_threads(way.threads)
                began_s = time.perf_counter()
                (reading,) = way.reader.read([sound])
                took_ms = 1000 * (time.perf_counter() - began_s)
                usual_ms = took_ms if usual_ms is None else usual_ms
                if number:
                    way.took_ms[length_s].append(took_ms)
                    way.ratios[length_s].append(took_ms / usual_ms)
                else:
                    way.first_ms.append(took_ms)
                if reading.distribution is not None:
                    known = reading.distribution if known is None else known
                    way.drift.append(js_divergence(reading.distribution, known))


if __name__ == "__main__":
    main()
