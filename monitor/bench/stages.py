"""Where an utterance's time goes inside the inference process, beside a plain Whisper encoder; loading; memory.

`python -m monitor.bench.stages` measures in a fresh interpreter: the request is JSON on standard input, the answer JSON
on standard output.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from numpy.typing import NDArray

from core.errors import EmotionMonitorError
from core.model import SAMPLE_RATE_HZ
from core.settings import ModelSettings, Settings
from core.sound.audio import read_audio
from core.worker.models import load_model, without_collection
from core.worker.process import ENVIRONMENT
from monitor.bench.percentiles import Percentiles
from monitor.sources.opening import SAMPLE

if TYPE_CHECKING:
    from torch import nn

    from core.ltu_as.model import LTUAS
    from core.ltu_as.reader import LTUASReader

LENGTHS_S = (1.0, 3.0, 5.0, 10.0)
WARM_UP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """Utterances of one length, from samples to distribution.

    `tltr_ms` includes the projection, `other_ms` is the read-out. `floor_ms` is the forward pass of a plain Whisper
    encoder of the same size and precision over the same window, taken in turn with the utterances; `ratio` is the
    median of total / floor.
    """

    length_s: float
    mel_ms: Percentiles
    encoder_ms: Percentiles
    tltr_ms: Percentiles
    llm_ms: Percentiles
    other_ms: Percentiles
    total_ms: Percentiles
    floor_ms: Percentiles
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """One inference process: seconds to import what it needs, then to load the model; its memory; its stages."""

    import_s: float
    load_s: float
    rss_mb: float
    threads: int
    precision: str
    """What the encoder multiplies in."""
    rows: tuple[StageRow, ...]


def measure(settings: Settings, *, repeat: int) -> Inside:
    """Measures in a fresh interpreter, with the threads of the inference process.

    Raises:
        EmotionMonitorError: The model cannot be loaded or read, in one line.
    """
    request = {"model": asdict(settings.model), "threads": settings.worker.threads, "repeat": repeat}
    child = subprocess.run(
        [sys.executable, "-P", "-m", "monitor.bench.stages"],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT | os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    if child.returncode:
        said = child.stderr.strip().splitlines()
        msg = f"the stages could not be measured: {said[-1] if said else f'exit code {child.returncode}'}"
        raise EmotionMonitorError(msg)
    answer: dict[str, Any] = json.loads(child.stdout)
    rows = answer.pop("rows")
    return Inside(**answer, rows=tuple(map(_row_from_json, rows)))


def _row_from_json(row: dict[str, Any]) -> StageRow:
    values: dict[str, Any] = {name: Percentiles(**v) if isinstance(v, dict) else v for name, v in row.items()}
    return StageRow(**values)


def stretches(speech: NDArray[np.int16], length_s: float, count: int) -> Iterator[NDArray[np.int16]]:
    """So many different stretches of one length, evenly over the sound."""
    n_samples = round(length_s * SAMPLE_RATE_HZ)
    for start in np.linspace(0, len(speech) - n_samples, count).astype(int):
        yield speech[start : start + n_samples]


def _answer(request: dict[str, Any]) -> Inside:
    began_s = time.perf_counter()
    with without_collection():  # as the inference process does
        import torch

        from core.ltu_as.reader import LTUASReader

        imported_s = time.perf_counter()
        reader = load_model(ModelSettings(**request["model"]), threads=request["threads"])
    loaded_s = time.perf_counter()
    rss_mb = psutil.Process().memory_info().rss / 1e6
    if not isinstance(reader, LTUASReader):
        msg = f"{reader.stamp.name} has no stages"
        raise EmotionMonitorError(msg, hint="give the name or folder of an LTU-AS model")
    speech = read_audio(SAMPLE)
    return Inside(
        import_s=round(imported_s - began_s, 2),
        load_s=round(loaded_s - imported_s, 2),
        rss_mb=round(rss_mb, 1),
        threads=torch.get_num_threads(),
        precision=str(reader.model.whisper.conv1.weight.dtype).removeprefix("torch."),
        rows=tuple([_row(reader, speech, length_s, request["repeat"]) for length_s in LENGTHS_S]),
    )


def _row(reader: "LTUASReader", speech: NDArray[np.int16], length_s: float, repeat: int) -> StageRow:
    model = reader.model
    clocks = {"encoder": _Clock(model, model.whisper), "tltr": _Clock(model, model.audio_encoder, model.audio_proj)}
    floor = _floor(model, round(length_s * SAMPLE_RATE_HZ))
    taken: dict[str, list[float]] = {}
    for number, sound in enumerate(stretches(speech, length_s, WARM_UP + repeat)):
        began_s = time.perf_counter()
        (reading,) = reader.read([sound])
        total_ms = (time.perf_counter() - began_s) * 1000
        if not reading.llm_ms:  # a reading that the model refuses after all has its times too
            msg = f"no reading of {length_s:g} s of speech: {reading.reason}"
            raise EmotionMonitorError(msg)
        stages = {name: clock.take_ms() for name, clock in clocks.items()}
        stages["mel"] = reading.features_ms - sum(stages.values())
        stages["llm"] = reading.llm_ms
        stages["other"] = total_ms - reading.features_ms - reading.llm_ms
        stages |= {"total": total_ms, "floor": floor()}
        if number >= WARM_UP:
            for name, value in stages.items():
                taken.setdefault(name, []).append(value)
    for clock in clocks.values():
        clock.remove()
    ratio = statistics.median(total / least for total, least in zip(taken["total"], taken["floor"], strict=True))
    percentiles = {f"{name}_ms": Percentiles.of(values) for name, values in taken.items()}
    return StageRow(length_s=length_s, ratio=round(ratio, 2), **percentiles)


class _Clock:
    """Sums up how long some modules of a model take."""

    def __init__(self, model: "LTUAS", *modules: "nn.Module") -> None:
        self._model = model
        self._sum_ms = 0.0
        self._hooks = [
            hook
            for module in modules
            for hook in (module.register_forward_pre_hook(self._start), module.register_forward_hook(self._stop))
        ]

    def take_ms(self) -> float:
        """What they took since the last time."""
        taken_ms, self._sum_ms = self._sum_ms, 0.0
        return taken_ms

    def remove(self) -> None:
        """Leaves the modules alone."""
        for hook in self._hooks:
            hook.remove()

    def _start(self, *_: object) -> None:
        self._sum_ms -= _now_ms(self._model)

    def _stop(self, *_: object) -> None:
        self._sum_ms += _now_ms(self._model)


def _now_ms(model: "LTUAS") -> float:
    """The time once all that was asked of a GPU is done."""
    if model.device.type == "cuda":
        import torch

        torch.cuda.synchronize(model.device)
    return time.perf_counter() * 1000


def _floor(model: "LTUAS", samples: int) -> Callable[[], float]:
    """Milliseconds that the forward pass of transformers' Whisper encoder takes over the window of such a sound."""
    import torch
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    from core.ltu_as.precision import compute_in_bfloat16

    sizes, audio = model.config.whisper, model.config.audio
    frames = 2 * audio.pool * audio.tokens_of(samples)
    config = WhisperConfig(
        num_mel_bins=sizes.n_mels,
        d_model=sizes.d_model,
        encoder_layers=sizes.layers,
        encoder_attention_heads=sizes.heads,
        encoder_ffn_dim=sizes.ffn,
        max_source_positions=frames // 2,
        attn_implementation="sdpa",  # type: ignore[call-arg]
    )
    weight = model.whisper.conv1.weight
    encoder: nn.Module = WhisperEncoder(config)
    encoder = encoder.eval().to(weight.device)
    mel = torch.randn(1, sizes.n_mels, frames).to(weight.device)
    if weight.dtype == torch.bfloat16:
        compute_in_bfloat16(encoder)
    else:
        encoder, mel = encoder.to(weight.dtype), mel.to(weight.dtype)

    def forward() -> float:
        began_ms = _now_ms(model)
        with torch.inference_mode():
            encoder(mel)
        return _now_ms(model) - began_ms

    return forward


if __name__ == "__main__":
    try:
        print(json.dumps(asdict(_answer(json.load(sys.stdin)))))
    except EmotionMonitorError as error:
        sys.exit(error.one_line())
