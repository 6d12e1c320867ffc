"""What systems answered for clips whose speakers they had not learned from, and the table that keeps it."""

import csv
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.distribution import EMOTIONS, EmotionDistribution
from core.errors import UsageError
from offline_eval.comparison.system import System
from offline_eval.datasets.files import read_table
from offline_eval.labels.clips import Clip
from offline_eval.scoring.metrics.sample import Values

Fold = tuple[Sequence[Clip], Sequence[Clip]]
"""Clips to learn from, and clips of other speakers to read."""

_TARGETS = tuple(f"target_{emotion}" for emotion in EMOTIONS)
_COLUMNS = ("clip_id", "corpus", "speaker", "fold", "system", *EMOTIONS, *_TARGETS)
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """One system's answers.

    Attributes:
        system: Its name.
        probabilities: [N, 4], in the order of the clips they were made for.
        folds: [N], the number of the fold each clip was held out in.
    """

    system: str
    probabilities: Values
    folds: NDArray[np.intp]


def out_of_fold(
    system: System, clips: Sequence[Clip], folds: Sequence[Fold], *, cache: Path, progress: Callable[[str], None]
) -> Predictions:
    """Lets a system learn and read fold by fold; finished folds are kept in `cache`, and reused if nothing changed.

    Args:
        system: What learns and reads.
        clips: The order of the answers; each is held out in exactly one fold.
        folds: Pairs of clips.
        cache: Folder of finished folds.
        progress: Told about every fold.
    """
    answers: dict[tuple[str, str], tuple[Values, int]] = {}
    for number, (train, held_out) in enumerate(folds):
        kept = cache / f"{system.name}-fold{number}-{_key(system, train, held_out)}.npy"
        if kept.is_file():
            probabilities = np.load(kept)
        else:
            progress(f"{system.name}: fold {number + 1} of {len(folds)}, {len(train)} clips to learn from")
            probabilities = np.asarray(system.fit(train)(held_out), dtype=np.float64)
            _save(kept, probabilities)
        answers |= {_id(clip): (row, number) for clip, row in zip(held_out, probabilities, strict=True)}
    rows, numbers = zip(*(answers[_id(clip)] for clip in clips), strict=True)
    return Predictions(system=system.name, probabilities=np.stack(rows), folds=np.array(numbers))


def write_predictions(path: Path, clips: Sequence[Clip], predictions: Sequence[Predictions]) -> None:
    """A CSV of one row per clip and system: ids, probabilities and target, no sound."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for made in predictions:
            for clip, fold, row in zip(clips, made.folds.tolist(), made.probabilities.tolist(), strict=True):
                writer.writerow([clip.clip_id, clip.corpus, clip.speaker, fold, made.system, *row, *clip.target])


def read_predictions(path: Path, clips: Sequence[Clip]) -> list[Predictions]:
    """Every system in a CSV as `write_predictions` makes it; rows of other clips are passed over.

    Raises:
        UsageError: A column or a number is missing or broken, or a system's answer is: for a clip that has none, for
            one that has two, or for another target than the clip's.
    """
    wanted = {_id(clip): clip for clip in clips}
    found: dict[str, dict[tuple[str, str], tuple[list[float], int]]] = {}
    for row in read_table(path).filled(*_COLUMNS):
        key = (row["corpus"], row["clip_id"])
        if key not in wanted:
            continue
        try:
            fold, values = int(row["fold"]), [float(row[name]) for name in EMOTIONS]
            target = [float(row[name]) for name in _TARGETS]
            EmotionDistribution(*values)
        except ValueError as error:
            msg = f"{row.where}: {error}"
            raise UsageError(msg) from error
        if not all(math.isclose(a, b, abs_tol=_TOLERANCE) for a, b in zip(target, wanted[key].target, strict=True)):
            msg = f"{row.where}: the target of {row['clip_id']} is not that of the data"
            raise UsageError(msg, hint="the predictions were made for other labels")
        answers = found.setdefault(row["system"], {})
        if key in answers:
            msg = f"{row.where}: a second answer of {row['system']} for {row['clip_id']}"
            raise UsageError(msg)
        answers[key] = values, fold
    if not found:
        msg = f"{path}: no predictions for these clips"
        raise UsageError(msg, hint="was the file made from the same data?")
    return [_complete(path, system, answers, clips) for system, answers in found.items()]


def _complete(
    path: Path, system: str, answers: dict[tuple[str, str], tuple[list[float], int]], clips: Sequence[Clip]
) -> Predictions:
    if missing := [clip.clip_id for clip in clips if _id(clip) not in answers]:
        msg = f"{path}: {system} has no answer for {len(missing)} of {len(clips)} clips, first {missing[0]}"
        raise UsageError(msg, hint="compare on the data, and the split, that the predictions were made for")
    rows, folds = zip(*(answers[_id(clip)] for clip in clips), strict=True)
    return Predictions(system=system, probabilities=np.array(rows), folds=np.array(folds))


def _id(clip: Clip) -> tuple[str, str]:
    return clip.corpus, clip.clip_id


def _key(system: System, train: Sequence[Clip], held_out: Sequence[Clip]) -> str:
    """Changes with anything that the answers depend on."""
    content = [system.name, system.recipe, [_identity(clip) for clip in train], [_identity(clip) for clip in held_out]]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _identity(clip: Clip) -> list[object]:
    stat = clip.path.stat()
    return [*_id(clip), clip.speaker, *clip.target, stat.st_size, stat.st_mtime_ns]


def _save(path: Path, values: Values) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.save(file, values)
    partial.replace(path)
