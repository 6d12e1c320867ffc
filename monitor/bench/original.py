"""`emotion-monitor bench compare-original`: the authors' program and this one, on the same weights and sounds.

Theirs is what lies in a checkout of github.com/YuanGongND/ltu, run by an interpreter that has what it needs, with the
files in its `pretrained_mdls`; ours is a model folder that `emotion-monitor convert` made of the same files. Both write
their answers out, one sound at a time, after one that does not count. The two never run at once.
"""

import asyncio
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.errors import EmotionMonitorError, UsageError
from core.ltu_as.prompt import PROMPTS
from core.model import SAMPLE_RATE_HZ, Reading
from core.settings import Prompt, Settings
from core.sound.audio import read_audio
from core.wire.events import ModelStamp
from core.worker import InferenceWorker
from monitor.bench.machine import machine
from monitor.bench.outcome import Outcome, Ratio
from monitor.bench.percentiles import Percentiles
from monitor.bench.stages import stretches
from monitor.sources.opening import SAMPLE

_SCRIPT = Path("src", "ltu_as", "inference_gradio.py")
_ASKED: tuple[Prompt, ...] = ("single", "ambiguous")
_WORD = re.compile(r"ang(?:er|ry)|happ(?:y|iness)|sad(?:ness)?|neutral", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One prompt. `same` are answers that name the same emotion first; theirs are drawn, at temperature 0.1."""

    prompt: str
    sounds: int
    theirs_ms: Percentiles
    ours_ms: Percentiles
    ratio: float
    same: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and where."""

    machine: str
    device: str
    length_s: float
    theirs_load_s: float
    ours_load_s: float
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Answers of one program to one prompt."""

    took_s: list[float]
    answers: list[str]


def measure(settings: Settings, *, checkout: Path | None, python: str, repeat: int, length_s: float) -> Outcome:
    """Asks both about the same stretches of the shipped speech.

    Args:
        settings: The model and the device of ours.
        checkout: The authors' repository.
        python: The interpreter that runs theirs.
        repeat: Sounds that count.
        length_s: Of each sound.

    Raises:
        UsageError: There is no such checkout or interpreter.
        EmotionMonitorError: One of the two failed.
    """
    folder = _checked(checkout)
    sounds = [*stretches(read_audio(SAMPLE), length_s, repeat + 1)]
    with tempfile.TemporaryDirectory() as name:
        paths = [Path(name, f"{number}.wav") for number in range(len(sounds))]
        for path, sound in zip(paths, sounds, strict=True):
            soundfile.write(path, sound, SAMPLE_RATE_HZ, subtype="PCM_16")
        theirs_load_s, theirs = _theirs(folder, python, paths)
    ours: dict[str, _Asked] = {}
    stamp, device, ours_load_s = None, "", 0.0
    for prompt in _ASKED:
        ours[prompt], stamp, device, ours_load_s = asyncio.run(_ours(settings, prompt, sounds))
    rows = tuple(_row(prompt, theirs[prompt], ours[prompt]) for prompt in _ASKED)
    report = Report(
        machine=machine(),
        device=device,
        length_s=length_s,
        theirs_load_s=round(theirs_load_s, 2),
        ours_load_s=round(ours_load_s, 2),
        rows=rows,
    )
    ratios = {row.prompt: Ratio(row.ratio, "more") for row in rows}
    ratios |= {f"same_{row.prompt}": Ratio(row.same / row.sounds, "more") for row in rows}
    return Outcome(bench="compare-original", measured=report, text=_table(report), ratios=ratios, model=stamp)


def _checked(checkout: Path | None) -> Path:
    hint = "git clone https://github.com/YuanGongND/ltu, install what its README says, and give --checkout FOLDER"
    if checkout is None:
        msg = "compare-original needs the authors' program, which is not part of this one"
        raise UsageError(msg, hint=hint)
    if not (checkout / _SCRIPT).is_file():
        msg = f"{checkout} is no checkout of the authors' repository: it has no {_SCRIPT}"
        raise UsageError(msg, hint=hint)
    return checkout.resolve()


def _theirs(checkout: Path, python: str, sounds: Sequence[Path]) -> tuple[float, dict[str, _Asked]]:
    request = {"questions": [PROMPTS[prompt] for prompt in _ASKED], "sounds": [str(path) for path in sounds]}
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the user names
            [python, str(Path(__file__).resolve().with_name("original_adapter.py"))],
            cwd=(checkout / _SCRIPT).parent,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )
    except OSError as error:
        msg = f"--python {python} cannot be started: {error.strerror}"
        raise UsageError(msg, hint="name the interpreter in which the authors' program runs") from error
    if done.returncode:
        said = done.stderr.strip().splitlines()
        msg = f"the authors' program failed: {said[-1] if said else f'exit code {done.returncode}'}"
        raise EmotionMonitorError(msg, hint=f"it must run by itself first: {_SCRIPT.name}, in {_SCRIPT.parent}")
    load, *answers = map(json.loads, done.stdout.splitlines())
    asked: dict[str, _Asked] = {}
    for number, prompt in enumerate(_ASKED):
        own = answers[number * len(sounds) : (number + 1) * len(sounds)]
        asked[prompt] = _Asked([one["took_s"] for one in own[1:]], [one["answer"] for one in own[1:]])
    return load["load_s"], asked


async def _ours(
    settings: Settings, prompt: Prompt, sounds: Sequence[NDArray[np.int16]]
) -> tuple[_Asked, ModelStamp, str, float]:
    model = replace(settings.model, prompt=prompt, abstain=False, adapt=False)
    async with InferenceWorker(model, settings.worker) as worker:
        took_s, readings = [], []
        for sound in sounds:
            began_s = time.perf_counter()
            readings += await worker.read([sound], explain=[True])
            took_s.append(time.perf_counter() - began_s)
        ready = worker.ready
    return _Asked(took_s[1:], [_answer(one) for one in readings[1:]]), ready.stamp, ready.device, ready.load_s


def _answer(reading: Reading) -> str:
    if reading.explanation is None:
        msg = f"no answer: {reading.reason}"
        raise EmotionMonitorError(msg)
    return reading.explanation.answer or ""


def _row(prompt: str, theirs: _Asked, ours: _Asked) -> Row:
    ratios = sorted(original / own for original, own in zip(theirs.took_s, ours.took_s, strict=True))
    return Row(
        prompt=prompt,
        sounds=len(ratios),
        theirs_ms=Percentiles.of([1000 * took for took in theirs.took_s]),
        ours_ms=Percentiles.of([1000 * took for took in ours.took_s]),
        ratio=round(ratios[len(ratios) // 2], 2),
        same=sum(_first(a) == _first(b) for a, b in zip(theirs.answers, ours.answers, strict=True)),
    )


def _first(answer: str) -> str | None:
    """Beginning of the first emotion that an answer names."""
    found = _WORD.search(answer)
    return found[0][:3].lower() if found else None


def _table(measured: Report) -> str:
    rows = [
        f"{row.prompt:<10} {row.theirs_ms!s:>19} {row.ours_ms!s:>17} {row.ratio:>7.2f} {row.same:>4} of {row.sounds}"
        for row in measured.rows
    ]
    lines = [
        f"on {measured.machine}, {measured.device}; utterances of {measured.length_s:g} s; p50 / p95 in ms",
        "",
        f"{'prompt':<10} {'theirs':>19} {'ours':>17} {'ratio':>7} {'same emotion':>12}",
        *rows,
        "",
        f"loading, not in the above: theirs {measured.theirs_load_s:.1f} s, ours {measured.ours_load_s:.1f} s",
        "that both read the same weights is for whoever converted them to know; theirs draws its tokens",
    ]
    return "\n".join(lines)
