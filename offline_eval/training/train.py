"""From labelled clips to a model folder: the whole training run."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import soundfile
import torch

from core.errors import UsageError
from core.ltu_as.calibration import CALIBRATION_NAME
from core.ltu_as.checkpoint import folder_sha256
from core.ltu_as.config import CONFIG_NAME, LTUASConfig
from core.ltu_as.prompt import PROMPTS
from core.ltu_as.reader import LTUASReader
from offline_eval.calibration.card import PLOT_NAME
from offline_eval.datasets.dataset import Dataset
from offline_eval.datasets.kinds import load_datasets
from offline_eval.labels.clips import Clip, OtherClip, in_split, require_trainable
from offline_eval.scoring.reference_points import class_prior, uniform
from offline_eval.scoring.scores import Score, per_corpus, per_group
from offline_eval.training import card
from offline_eval.training.anchors import Anchors
from offline_eval.training.encoder import Encoder, encoder_of, load_encoder
from offline_eval.training.learn import School
from offline_eval.training.learned_from import heard_before, write_learned_from
from offline_eval.training.readings import read_clips
from offline_eval.training.recipe import Recipe
from offline_eval.training.trainer import Epoch, Track

_LENGTHS_S = {"under 2 s": 2.0, "2 to 4 s": 4.0, "4 s and more": math.inf}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to train on, and where to put the result.

    Attributes:
        data: Folders or tables of labelled speech; see `open_dataset`.
        out: The model folder to make.
        cache: Folder of encoder features.
        name: Of the model, in its config and in every event.
        recipe: Everything else.
        overwrite: Whether `out` may hold files already.
        dev_speakers: Exactly who is held out, see `find_speakers`; empty for what the corpora state, or else one
            speaker in six of each corpus.
        without: Corpora of the data that are left out.
        whisper: Whisper in the Hugging Face layout; its encoder is kept as it is.
        start: Or a finished model folder that is trained further, its encoder kept as it is.
    """

    data: tuple[str | Path, ...]
    out: Path
    cache: Path
    name: str
    recipe: Recipe = field(default_factory=Recipe)
    overwrite: bool = False
    dev_speakers: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    whisper: Path | None = None
    start: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A finished run.

    `scores` are those of the saved folder on the dev clips, read as the live program reads, per prompt, beside
    predictors that hear nothing. `groups` are the same by what is known of speakers, and by length.
    """

    epochs: Sequence[Epoch]
    scores: dict[str, dict[str, Score]]
    groups: dict[str, dict[str, Score]]
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
    datasets = load_datasets(job.data, without=job.without, dev_speakers=job.dev_speakers)
    clips = [clip for dataset in datasets for clip in dataset.clips]
    others = [clip for dataset in datasets for clip in dataset.others]
    require_trainable(clips, others)
    if job.start is not None:
        encoder = encoder_of(job.start)
        job = replace(job, recipe=_as_begun(job.recipe, job.start))
    elif job.whisper is not None:
        encoder = load_encoder(job.whisper, job.recipe.audio, layers=job.recipe.encoder_layers)
    else:
        msg = "nothing to start from"
        raise UsageError(msg, hint="give --whisper DIR, or --start MODEL to train a finished model further")
    train_clips, dev = in_split(clips, "train"), in_split(clips, "dev")
    known = [] if job.start is None else heard_before(job.start, (clip.speaker for clip in dev))
    for line in (*(line for dataset in datasets for line in dataset.summary()), *_doubts(dev, known)):
        progress(line)
    school = School(
        encoder=encoder, recipe=job.recipe, cache=job.cache, progress=progress, track=track, start=job.start
    )
    clock = _Clock()
    model, epochs = school.learn(train_clips, in_split(others, "train"), dev, name=job.name, run=_run_name(job))
    training_s = clock.lap()
    model.half().save_pretrained(job.out)
    write_learned_from(job.out, _heard(train_clips, in_split(others, "train"), job.recipe), job.start)
    for name in (CALIBRATION_NAME, PLOT_NAME):  # of the weights that were there before
        (job.out / name).unlink(missing_ok=True)
    readings = {prompt: read_clips(_reader(job.out, prompt), dev) for prompt in PROMPTS}
    scores = {f"model, {prompt} prompt": per_corpus(dev, read) for prompt, read in readings.items()}
    scores["logistic regression on its features"] = per_corpus(dev, school.learn_linearly(train_clips)(dev))
    scores["class prior of the corpus"] = per_corpus(dev, class_prior(train_clips, dev))
    scores["uniform"] = per_corpus(dev, uniform(dev))
    outcome = Outcome(
        epochs=epochs,
        scores=scores,
        groups={"model, single prompt": per_group(dev, readings["single"], [_groups(clip) for clip in dev])},
        training_s=training_s,
        scoring_s=clock.lap(),
        sha256=folder_sha256(job.out),
    )
    _describe(job, datasets, encoder, outcome, known)
    return outcome


def _heard(clips: Sequence[Clip], others: Sequence[OtherClip], recipe: Recipe) -> set[str]:
    """The speakers that a model learns from."""
    speakers = {clip.speaker for clip in clips}
    if recipe.others_share or recipe.reading_share:
        speakers |= {clip.speaker for clip in others}
    return speakers


def _doubts(dev: Sequence[Clip], known: Sequence[str] | None) -> Iterator[str]:
    """What makes the scores to come worth less, a line each."""
    speakers = {clip.speaker for clip in dev}
    if len(speakers) == 1:
        yield (
            f"one dev speaker, {speakers.pop()}: scores say little of other people, and calibrating needs another one; "
            "name several with --dev-speakers"
        )
    if known is None:
        yield "the model that is trained further does not say whom it learned from; dev speakers may be among them"
    elif known:
        yield (
            f"the model that is trained further learned from {', '.join(known)}: scores on them flatter it; "
            "name others with --dev-speakers"
        )


def _as_begun(recipe: Recipe, start: Path) -> Recipe:
    """What a model that gets to know voices was trained with is not unlearned.

    Raises:
        UsageError: Anchors are asked for, and the model cannot have them.
        ModelError: The folder cannot be used.
    """
    config = LTUASConfig.from_json(start / CONFIG_NAME)
    if recipe.anchors is None and config.anchor is not None:
        return replace(recipe, anchors=Anchors(pseudo_utterances=config.anchor.pseudo_utterances))
    if recipe.anchors is not None and not config.tltr.standardise:
        msg = f"{start}: anchors need a model that standardises its features"
        raise UsageError(msg, hint="leave --set anchors out, or begin with --whisper and --set anchors=default")
    return recipe


def _run_name(job: Job) -> str:
    """Changes with the recipe and the data, so that no other run is taken up."""
    data = [str(path) for path in job.data]
    content = [job.name, data, asdict(job.recipe), list(job.dev_speakers), list(job.without), str(job.start)]
    return f"{job.name}-{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]}"


def _reader(folder: Path, prompt: str) -> LTUASReader:
    return LTUASReader(folder, prompt=prompt, calibrate=False, abstain=False)


def _groups(clip: Clip) -> list[str]:
    """What the corpus states of the speaker, and how long the clip is."""
    duration_s = soundfile.info(clip.path).duration
    length = next(name for name, limit_s in _LENGTHS_S.items() if duration_s < limit_s)
    stated = (clip.gender and f"speakers {clip.gender}", clip.language and f"language {clip.language}", length)
    return [group for group in stated if group]


def _describe(
    job: Job, datasets: Sequence[Dataset], encoder: Encoder, outcome: Outcome, known: Sequence[str] | None
) -> None:
    facts = card.Facts(
        name=job.name,
        encoder=encoder.name,
        encoder_sha256=encoder.sha256,
        start=job.start,
        config=LTUASConfig.from_json(job.out / CONFIG_NAME),
        recipe=job.recipe,
        datasets=datasets,
        epochs=outcome.epochs,
        scores=outcome.scores,
        groups=outcome.groups,
        sha256=outcome.sha256,
        size_mb=(job.out / "model.safetensors").stat().st_size / 1e6,
        training_s=outcome.training_s,
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        without=job.without,
        heard_before=known,
    )
    (job.out / "MODEL_CARD.md").write_text(card.model_card(facts), encoding="utf-8")
    (job.out / "LICENSE").write_text(card.licence_notice(facts, job.whisper or job.start), encoding="utf-8")


class _Clock:
    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap."""
        now = time.perf_counter()
        seconds, self._last = now - self._last, now
        return seconds
