"""From labelled clips to a model folder: the whole training run."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.audio import read_audio
from core.errors import UsageError
from core.ltu_as.checkpoint import folder_sha256, save
from core.ltu_as.prompt import PROMPTS
from core.ltu_as.reader import LTUASReader
from offline_eval.clips import Clip, in_split, require_trainable
from offline_eval.datasets.dataset import Dataset, hold_out
from offline_eval.datasets.kinds import open_dataset
from offline_eval.scores import Score, class_prior, per_corpus, uniform
from offline_eval.training import card
from offline_eval.training.encoder import Encoder, load_encoder
from offline_eval.training.learn import School
from offline_eval.training.recipe import Recipe
from offline_eval.training.trainer import Epoch, Track

_READ_AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to train on, and where to put the result.

    Attributes:
        data: Folders or tables of labelled speech; see `open_dataset`.
        whisper: Whisper in the Hugging Face layout; its encoder is kept as it is.
        out: The model folder to make.
        cache: Folder of encoder features.
        name: Of the model, in its config and in every event.
        recipe: Everything else.
        overwrite: Whether `out` may hold files already.
        dev_speakers: Exactly who is held out, see `find_speakers`; empty for what the corpora state, or else one
            speaker in six of each corpus.
    """

    data: tuple[str | Path, ...]
    whisper: Path
    out: Path
    cache: Path
    name: str
    recipe: Recipe = field(default_factory=Recipe)
    overwrite: bool = False
    dev_speakers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A finished run.

    `scores` are those of the saved folder on the dev clips, read as the live program reads, per prompt, beside
    predictors that hear nothing.
    """

    epochs: Sequence[Epoch]
    scores: dict[str, dict[str, Score]]
    training_s: float
    scoring_s: float
    sha256: str


def train(job: Job, *, progress: Callable[[str], None], track: Track = lambda steps, _: steps) -> Outcome:
    """Trains a model, saves it with its card and licence notice, and scores what was saved.

    Raises:
        UsageError: The data, the recipe or the output folder cannot be used.
        ModelError: The Whisper folder cannot be used.
        AudioError: A clip cannot be decoded.
        TrainingError: The loss became infinite or NaN.
    """
    if job.out.exists() and not job.overwrite and (job.out.is_file() or any(job.out.iterdir())):
        msg = f"{job.out} is there already"
        raise UsageError(msg, hint="choose another --out, or add --overwrite")
    datasets = [open_dataset(spec).load() for spec in job.data]
    if job.dev_speakers:
        datasets = hold_out(datasets, job.dev_speakers)
    clips = [clip for dataset in datasets for clip in dataset.clips]
    others = [clip for dataset in datasets for clip in dataset.others]
    require_trainable(clips, others)
    encoder = load_encoder(job.whisper, job.recipe.audio, layers=job.recipe.encoder_layers)
    for line in (line for dataset in datasets for line in dataset.summary()):
        progress(line)
    school = School(encoder=encoder, recipe=job.recipe, cache=job.cache, progress=progress, track=track)
    train_clips, dev = in_split(clips, "train"), in_split(clips, "dev")
    clock = _Clock()
    model, epochs = school.learn(train_clips, in_split(others, "train"), dev, name=job.name, run=_run_name(job))
    training_s = clock.lap()
    save(model.half(), job.out)
    scores = _score(job.out, train_clips, dev, progress)
    outcome = Outcome(
        epochs=epochs,
        scores=scores,
        training_s=training_s,
        scoring_s=clock.lap(),
        sha256=folder_sha256(job.out),
    )
    _describe(job, datasets, encoder, outcome)
    return outcome


def read_clips(folder: Path, clips: Sequence[Clip], prompt: str) -> NDArray[np.float64]:
    """[N, 4] readings of a model folder, from sound files to distributions, the way the live program reads."""
    reader = LTUASReader(folder, prompt=prompt)
    rows = []
    for start in range(0, len(clips), _READ_AT_ONCE):
        some = clips[start : start + _READ_AT_ONCE]
        for clip, reading in zip(some, reader.read([read_audio(clip.path) for clip in some]), strict=True):
            if reading.distribution is None:
                msg = f"{clip.path}: no reading: {reading.reason}"
                raise UsageError(msg, hint="leave the clip out of the data")
            rows.append(list(reading.distribution))
    return np.array(rows)


def _run_name(job: Job) -> str:
    """Changes with the recipe and the data, so that no other run is taken up."""
    content = [job.name, [str(path) for path in job.data], asdict(job.recipe), list(job.dev_speakers)]
    return f"{job.name}-{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]}"


def _score(
    folder: Path, train_clips: Sequence[Clip], dev: Sequence[Clip], progress: Callable[[str], None]
) -> dict[str, dict[str, Score]]:
    scores = {}
    for prompt in PROMPTS:
        progress(f"scoring {len(dev)} dev clips, {prompt} prompt")
        scores[f"model, {prompt} prompt"] = per_corpus(dev, read_clips(folder, dev, prompt))
    scores["class prior of the corpus"] = per_corpus(dev, class_prior(train_clips, dev))
    scores["uniform"] = per_corpus(dev, uniform(dev))
    return scores


def _describe(job: Job, datasets: Sequence[Dataset], encoder: Encoder, outcome: Outcome) -> None:
    facts = card.Facts(
        name=job.name,
        encoder=encoder.name,
        encoder_sha256=encoder.sha256,
        recipe=job.recipe,
        datasets=datasets,
        epochs=outcome.epochs,
        scores=outcome.scores,
        sha256=outcome.sha256,
        size_mb=(job.out / "model.safetensors").stat().st_size / 1e6,
        training_s=outcome.training_s,
        threads=torch.get_num_threads(),
        torch=torch.__version__,
    )
    (job.out / "MODEL_CARD.md").write_text(card.model_card(facts), encoding="utf-8")
    (job.out / "LICENSE").write_text(card.licence_notice(facts, job.whisper), encoding="utf-8")


class _Clock:
    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        return seconds
