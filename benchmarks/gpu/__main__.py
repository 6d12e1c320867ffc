"""LTU-AS on a borrowed GPU, in one command that needs no one to watch it: `make bench-gpu`.

    python -m benchmarks.gpu [--small] [--device cuda|cpu] [--json FILE] [--budget-s N] [--stages NAME ...] [--check]

Builds the 7B's shapes with seeded random weights on the device and downloads nothing. Prints a table: what was
measured, the limit of this card, their ratio, the goal. A stage that fails is named and the others go on; what was
found is written after each. Needs torch 2.11 and transformers 5.17 or newer, with what these bring; for int8 and int4
torchao 0.18 too.
"""

import argparse
import faulthandler
import json
import math
import os
import sys
import time
import traceback
import types
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any


def main(words: Sequence[str] | None = None) -> int:
    """Measures and prints; exit status 1 if --check and something is not as it should be, 2 if nothing can be."""
    parser = _parser()
    arguments = parser.parse_args(words)
    faulthandler.dump_traceback_later(arguments.budget_s + 30, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        return _measure(parser, arguments)
    finally:
        faulthandler.cancel_dump_traceback_later()


def _measure(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    began_s = time.monotonic()
    _do_without_pydantic()
    import torch

    if arguments.device == "cpu" and not arguments.small:
        parser.error("the real shapes need a GPU: give --small with --device cpu")
    if arguments.device != "cpu" and not torch.cuda.is_available():
        parser.error(f"torch {torch.__version__} finds no CUDA GPU; --small --device cpu shows that everything runs")
    from benchmarks.gpu.quantized import quantized
    from benchmarks.gpu.shapes import REAL, SMALL
    from benchmarks.gpu.stages import STAGES, Bench, Models

    stages = STAGES | {"quantized": quantized}
    if unknown := set(arguments.stages or ()) - stages.keys():
        parser.error(f"unknown stage {unknown.pop()}; known: {', '.join(stages)}")
    size: dict[str, Any] = {"repeat": 5, "utterances": 200, "batches": (1, 4, 16)}
    if arguments.small:
        size = {"repeat": 1, "utterances": 3, "batches": (1, 2)}
    bench = Bench(device=arguments.device, shapes=SMALL if arguments.small else REAL, **size)
    about = {"machine": _machine(bench.device), "shapes": bench.shapes.name, "weights": "random, seeded"}
    print("; ".join(about.values()), flush=True)
    models = Models(bench)
    print(f"{time.monotonic() - began_s:6.1f} s: weights made", flush=True)
    for name in arguments.stages or stages:
        if time.monotonic() - began_s > arguments.budget_s:
            bench.faults.append(f"{name}: no time left for it")
            continue
        known = len(bench.rows)
        _try(name, stages[name], bench, models)
        for row in bench.rows[known:]:
            print(_line(row), flush=True)
        print(f"{time.monotonic() - began_s:6.1f} s: {name}", flush=True)
        _keep(arguments.json, about, bench, time.monotonic() - began_s)
    missed = [row.name for row in bench.rows if row.met is False]
    for fault in bench.faults:
        print(f"FAULT {fault}")
    print(f"goals missed: {', '.join(missed) or 'none'}" if bench.real else "no goals: not the real shapes on a GPU")
    print(f"not measured: {', '.join([*bench.skipped, 'real weights', 'accuracy'])}")
    return int(arguments.check and bool(bench.faults or missed))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="tiny shapes: shows that everything runs, on a CPU too")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu (only with --small)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found, after each stage")
    parser.add_argument("--budget-s", type=float, default=450.0, help="no stage begins after it; 30 s later all ends")
    parser.add_argument("--stages", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--check", action="store_true", help="exit 1 if a goal is missed or a stage fails")
    return parser


def _line(row: Any) -> str:
    verdict = {None: "", True: "met", False: "MISSED"}[row.met]
    goal = f"{row.goal[0]} {row.goal[1]:g}" if row.goal else ""
    spread = f"{row.least:.4g}..{row.most:.4g}" if row.least is not None else ""
    limit = f"{row.limit:.4g}" if row.limit else ""
    ratio = f"{row.ratio:.2f} x" if row.ratio else ""
    cells = f"{row.name:<62} {row.value:>9.4g} {row.unit:<12} {spread:>16} {limit:>9} {ratio:>9} {goal:<13} {verdict}"
    return f"{cells.rstrip()}  ({row.note})" if row.note else cells.rstrip()


def _try(name: str, stage: Any, bench: Any, models: Any) -> None:
    """Runs a stage; the others may be worth it even if it fails."""
    try:
        stage(bench, models)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is named
        traceback.print_exc()
        bench.faults.append(f"{name}: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    if bench.device != "cpu":
        import torch

        torch.cuda.empty_cache()


def _keep(file: Path | None, about: dict[str, str], bench: Any, taken_s: float) -> None:
    if file is None:
        return
    rows = [
        {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()}
        for row in (asdict(row) | {"met": row.met} for row in bench.rows)
    ]
    found = about | {"taken_s": round(taken_s, 1), "rows": rows, "faults": bench.faults, "skipped": bench.skipped}
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    partial.replace(file)


def _machine(device: str) -> str:
    import torch
    import transformers

    what = f"CPU, {os.cpu_count()} cores" if device == "cpu" else torch.cuda.get_device_name(device)
    return f"{what}, torch {torch.__version__}, transformers {transformers.__version__}"


def _do_without_pydantic() -> None:
    """The bounds that pydantic checks settings by: nothing is read from a file here, so nothing is checked."""
    try:
        import annotated_types  # noqa: F401
    except ImportError:
        stand_in = types.ModuleType("annotated_types")
        for name in ("Ge", "Le", "Interval", "MaxLen", "MinLen"):
            setattr(stand_in, name, lambda *_, **__: None)
        sys.modules["annotated_types"] = stand_in


if __name__ == "__main__":
    sys.exit(main())
