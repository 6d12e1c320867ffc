"""How the shipped model is read fastest on this CPU: threads, precision of the encoder, torch.compile.

    python -m benchmarks.mini_cpu [--repeat 12] [--compile]

The ways take turns. Printed are the median and the fastest of an utterance's times, in milliseconds, and the largest
divergence of a reading from that of the program's own way. With --compile the encoder is compiled too, once for each
length: utterances are of several hundred lengths, so that time counts.
"""

import argparse
import os
import statistics
import time
from dataclasses import dataclass

from core.worker.process import ENVIRONMENT

os.environ.update(ENVIRONMENT | os.environ)  # as the inference process; before torch is loaded

import torch

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
    """One way of reading."""

    name: str
    threads: int
    reader: LTUASReader


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeat", type=int, default=12)
    parser.add_argument("--compile", action="store_true", help="also with a compiled encoder")
    arguments = parser.parse_args()
    ways = made_ways(compiled=arguments.compile)
    print(f"on {machine()}, load {os.getloadavg()[0]:.1f}; {arguments.repeat} readings; median / fastest, ms")
    print(
        "| way | threads | "
        + " | ".join(f"{length_s:g} s" for length_s in LENGTHS_S)
        + " | first of a length | drift |"
    )
    print("|---|---|" + "---|" * (len(LENGTHS_S) + 2))
    took, first, drift = measured(ways, arguments.repeat)
    for way in ways:
        cells = [f"{statistics.median(took[way.name, s]):.0f} / {min(took[way.name, s]):.0f}" for s in LENGTHS_S]
        print(
            f"| {way.name} | {way.threads} | {' | '.join(cells)} | {first[way.name]:.0f} | {max(drift[way.name]):.1e} |"
        )


def made_ways(*, compiled: bool) -> list[Way]:
    """The program's own way comes first."""
    folder, own = resolve_model("ltu-as-mini"), torch.get_num_threads()
    usual = "bfloat16" if has_native_bfloat16() else "float32"
    ways = []
    for dtype in sorted(("bfloat16", "float32"), key=lambda name: name != usual):
        reader = LTUASReader(folder, device="cpu", encoder_dtype=dtype)  # type: ignore[arg-type]
        ways += [Way(f"{dtype}, {n} threads", n, reader) for n in sorted({own, 1}, reverse=True)]
    if compiled:
        reader = LTUASReader(folder, device="cpu", encoder_dtype=usual)  # type: ignore[arg-type]
        reader.model.whisper.forward = torch.compile(reader.model.whisper.forward, dynamic=False)  # type: ignore[method-assign]
        ways.append(Way(f"{usual}, compiled", own, reader))
    return ways


def measured(
    ways: list[Way], repeat: int
) -> tuple[dict[tuple[str, float], list[float]], dict[str, float], dict[str, list[float]]]:
    """Milliseconds by way and length; of the first reading of the last length; divergences from the first way."""
    speech = read_audio(SAMPLE)
    took: dict[tuple[str, float], list[float]] = {(way.name, s): [] for way in ways for s in LENGTHS_S}
    first: dict[str, float] = {}
    drift: dict[str, list[float]] = {way.name: [] for way in ways}
    for length_s in LENGTHS_S:
        for number, sound in enumerate(stretches(speech, length_s, repeat + 1)):
            known: list[float] | None = None
            for way in ways:
                torch.set_num_threads(way.threads)
                began_s = time.perf_counter()
                (reading,) = way.reader.read([sound])
                took_ms = 1000 * (time.perf_counter() - began_s)
                if number:
                    took[way.name, length_s].append(took_ms)
                else:
                    first[way.name] = took_ms
                if reading.distribution is not None:
                    heard = [*reading.distribution]
                    known = heard if known is None else known
                    drift[way.name].append(js_divergence(heard, known))
    return took, first, drift


if __name__ == "__main__":
    main()
