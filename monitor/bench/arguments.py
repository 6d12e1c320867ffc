"""Command line of `emotion-monitor bench`: measurements that all print, keep and check in one way.

A measurement is imported when it runs.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.command_line import above_0, whole_number

if TYPE_CHECKING:
    from core.settings import Settings
    from monitor.bench.outcome import Outcome

Measure = Callable[[argparse.Namespace, "Settings"], "Outcome"]


def add_measures(
    measures: Any, add_settings_flags: Callable[[Any], None], settings_of: Callable[[argparse.Namespace], Any]
) -> None:
    """Adds every measurement but the soak.

    Args:
        measures: Sub-parsers of `bench`.
        add_settings_flags: Adds the flags that name settings.
        settings_of: Settings of parsed arguments.
    """

    def add(name: str, measure: Measure, text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = measures.add_parser(
            name, help=text, description=text[0].upper() + text[1:] + "."
        )
        parser.set_defaults(command=lambda arguments: _tell(measure(arguments, settings_of(arguments)), arguments))
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
        parser.add_argument(
            "--check",
            nargs="*",
            metavar="NAME=LIMIT",
            help="end with status 1 if something is amiss on any machine, such as a drop, or a ratio is beyond a limit",
        )
        parser.add_argument("--keep", type=Path, metavar="DIR", help="also write it there, as NAME.json")
        add_settings_flags(parser)
        return parser

    latency = add("latency", _latency, "utterance to reading by stage, start-up, memory")
    _add_repeat(latency, 15, "readings per length")
    vad = add("vad", _vad, "what the segmenter costs beside its detector")
    _add_repeat(vad, 15, "rounds")
    roofline = add("roofline", _roofline, "stages of a reading beside what this machine could do them in")
    _add_repeat(roofline, 10, "readings per length")
    throughput = add("throughput", _throughput, "utterances a second, read one and more at once")
    throughput.add_argument(
        "--batch", type=_numbers, default=(1, 2, 4, 8, 16), metavar="N,N", help="default 1,2,4,8,16"
    )
    _add_repeat(throughput, 5, "rounds")
    _add_length(throughput)
    streams = add("streams", _streams, "many microphones at once, each saying something else")
    streams.add_argument("--streams", type=_numbers, default=(1, 2, 4, 8), metavar="N,N", help="default 1,2,4,8")
    streams.add_argument("--deadline", type=above_0, default=400.0, metavar="MS", help="of p95 (default 400)")
    _add_seconds(streams, "of sound in each stream")
    end_to_end = add("end-to-end", _end_to_end, "last sample spoken to a subscriber of the embedded broker")
    _add_seconds(end_to_end, "of sound in each of two runs")
    drift = add("drift", _drift, "how far quantised weights move readings, and what they save")
    drift.add_argument(
        "--quantize", nargs="+", choices=("int8", "int4"), default=("int8", "int4"), help="which (default both)"
    )
    drift.add_argument("--file", type=Path, action="append", metavar="FILE", help="read its utterances too; repeatable")
    _add_repeat(drift, 24, "stretches of the sample speech, each read in noise too")
    original = add("compare-original", _original, "the authors' program on the same weights and sounds")
    original.add_argument("--checkout", type=Path, metavar="DIR", help="of the authors' repository")
    original.add_argument(
        "--python", default=sys.executable, metavar="PATH", help="interpreter that runs it (default: this one)"
    )
    _add_repeat(original, 10, "sounds")
    _add_length(original)


def _add_repeat(parser: argparse.ArgumentParser, usual: int, what: str) -> None:
    parser.add_argument("--repeat", type=whole_number(1), default=usual, metavar="N", help=f"{what} (default {usual})")


def _add_length(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--length", type=above_0, default=5.0, metavar="S", help="of an utterance (default 5)")


def _add_seconds(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--seconds", type=above_0, default=90.0, metavar="S", help=f"{what} (default 90)")


def _numbers(text: str) -> Sequence[int]:
    """An argparse type: whole numbers from 1 up between commas."""
    return tuple(map(whole_number(1), text.split(",")))


def _tell(outcome: "Outcome", arguments: argparse.Namespace) -> int:
    from monitor.bench.outcome import Telling, tell

    return tell(outcome, Telling(as_json=arguments.json, check=arguments.check, keep=arguments.keep))


def _latency(arguments: argparse.Namespace, settings: "Settings") -> "Outcome":
    from monitor.bench.latency import measure

    return measure(settings, repeat=arguments.repeat)


def _vad(arguments: argparse.Namespace, settings: "Settings") -> "Outcome":
    from monitor.bench.vad import measure

    return measure(settings, repeat=arguments.repeat)


def _roofline(arguments: argparse.Namespace, settings: "Settings") -> "Outcome":
    from monitor.bench.roofline import measure

    return measure(settings, repeat=arguments.repeat)


def _throughput(arguments: argparse.Namespace, settings: "Settings") -> "Outcome":
    from monitor.bench.throughput import measure

    return measure(settings, batches=arguments.batch, length_s=arguments.length, repeat=arguments.repeat)


def _streams(arguments: argparse.Namespace, settings: "Settings") -> "Outcome":
    from monitor.bench.streams import measure

    return measure(settings, streams=arguments.streams, sound_s=arguments.seconds, deadline_ms=arguments.deadline)


def _end_to_end(arguments: argparse.Namespace, settings: "Settings") -> "Outcome":
    from monitor.bench.end_to_end import measure

    given = {name: getattr(arguments, name) for name in ("config", "model", "device", "mqtt")}
    flags = [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
    return measure(settings, flags, sound_s=arguments.seconds)


def _drift(arguments: argparse.Namespace, settings: "Settings") -> "Outcome":
    from monitor.bench.drift import measure

    return measure(settings, weights=arguments.quantize, files=arguments.file or (), repeat=arguments.repeat)


def _original(arguments: argparse.Namespace, settings: "Settings") -> "Outcome":
    from monitor.bench.original import measure

    return measure(
        settings,
        checkout=arguments.checkout,
        python=arguments.python,
        repeat=arguments.repeat,
        length_s=arguments.length,
    )
