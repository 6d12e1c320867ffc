"""What weights of 8 and 4 bits save and cost, where torchao is installed."""

from importlib.util import find_spec
from statistics import fmean

import torch

from benchmarks.gpu.shapes import SAID, sounds
from benchmarks.gpu.stages import Bench, Models, Row, answering, apart
from core.errors import UsageError
from core.ltu_as.decode import Decoding
from core.ltu_as.model import LTUAS
from core.ltu_as.quantization import Quantization, held_bytes
from core.ltu_as.steps import StepLogits

KINDS: tuple[Quantization, ...] = ("int8", "int4")
_READ = 8
"""Utterances whose readings are compared."""


def quantized(bench: Bench, models: Models) -> None:
    """Memory and time of the language model, and how far its readings move; the last stage, as it makes it anew."""
    if find_spec("torchao") is None:
        bench.skipped.append("int8 and int4 (torchao is not installed)")
        return
    stored = _measured(bench, models.ours, "stored")
    whole = held_bytes(models.ours.llama.model.layers)
    for kind in KINDS:
        models.renew()
        _quantized(bench, models.ltu_as, kind, stored, whole)
    models.renew()


def _quantized(bench: Bench, model: LTUAS, kind: Quantization, stored: list[StepLogits], whole: int) -> None:
    model.merge_lora()
    try:
        model.quantize(kind, bench.device)
    except UsageError as error:  # an old card
        bench.skipped.append(f"{kind} ({error})")
        return
    held = held_bytes(model.llama.model.layers)
    bench.put(Row(name=f"{kind}: layers of the language model", unit="GB", value=held / 1e9, ratio=held / whole))
    model.use_graphs()
    moved = map(apart, stored, _measured(bench, model, kind, spared=whole - held))
    note = "random weights: those of a real model move otherwise"
    bench.put(Row(name=f"{kind}: JS divergence, mean", unit="", value=fmean(moved), note=note))


def _measured(bench: Bench, model: LTUAS, how: str, *, spared: int = 0) -> list[StepLogits]:
    """Adds the times of the language model; the first token of some answers."""
    given = sounds(min(_READ, bench.utterances), seed=2)
    with torch.inference_mode():
        answering(bench, model, how, model.hear(given[:1]), spared=spared)
    asked = {"transcripts": [SAID], "decoding": Decoding(max_new_tokens=1)}
    return [model.answer(model.hear([sound]), **asked)[0] for sound in given]
