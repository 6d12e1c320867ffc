"""The training loop over cached features, with weight averaging and early stopping on dev speakers."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from core.distribution import EMOTIONS
from core.errors import EmotionMonitorError, UsageError
from core.ltu_as.model import LTUAS
from core.ltu_as.prompt import PROMPTS
from offline_eval.scores import OVERALL, Score, per_corpus, targets_of
from offline_eval.training.answers import NO_SPEECH
from offline_eval.training.feature_cache import Features
from offline_eval.training.material import Draw, Drawn, Material, balanced, cut_alike, mixed
from offline_eval.training.network import fit_scales, take_over
from offline_eval.training.objective import AnswerLoss
from offline_eval.training.optimizer import Descent
from offline_eval.training.recipe import Recipe
from offline_eval.training.sentences import SENTENCES
from offline_eval.training.teachers import Teachers

_SCALE_CLIPS = 256
_READ_AT_ONCE = 64


Track = Callable[[range, str], Iterable[int]]
"""Goes through the steps of what it is told the name of, showing how far it is, such as `rich.progress.track`."""


class TrainingError(EmotionMonitorError):
    """Training went wrong: the loss is no longer a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one epoch came to: mean training loss, and the averaged weights' dev scores per corpus (if any)."""

    number: int
    loss: float
    dev: dict[str, Score]
    seconds: float

    @property
    def dev_nll(self) -> float:
        """Mean over corpora, so that a large corpus does not decide alone when to stop."""
        return float(np.mean([score.nll for name, score in self.dev.items() if name != OVERALL]))

    def line(self) -> str:
        """One line for the terminal."""
        corpora = ", ".join(f"{name} {s.macro_f1:.3f}/{s.nll:.3f}" for name, s in self.dev.items())
        heard = f", dev NLL {self.dev_nll:.3f}, macro-F1/NLL by corpus {corpora}" if self.dev else ""
        return f"epoch {self.number}: loss {self.loss:.3f}{heard}, {self.seconds:.0f} s"


def fit(
    model: LTUAS,
    material: Material,
    recipe: Recipe,
    *,
    progress: Callable[[str], None],
    track: Track = lambda steps, _: steps,
    checkpoint: Path | None = None,
    fresh: bool = True,
) -> list[Epoch]:
    """Trains everything but the Whisper encoder; leaves averaged weights in the model.

    They are those of the best epoch on the dev clips, or of the last one without dev clips.

    Args:
        model: From `build`, untrained, or from `taken_up`.
        material: What to learn from.
        recipe: How.
        progress: Told about each epoch.
        track: Shows the steps of an epoch, such as `rich.progress.track`.
        checkpoint: File that is written after each epoch, and from which an interrupted run goes on.
        fresh: The model has random weights: they are brought to the scale of the material, and teachers teach it.
            A trained one learns from the labels.

    Raises:
        TrainingError: The loss became infinite or NaN.
    """
    run = _Run(model, material, recipe, fresh=fresh)
    if checkpoint is not None and checkpoint.is_file():
        run.restore(torch.load(checkpoint, weights_only=True))
        progress(f"goes on after epoch {len(run.epochs)} of an earlier run")
    else:
        run.teach_teachers(track)
    while len(run.epochs) < recipe.epochs and not run.has_stopped:
        run.epoch(track)
        progress(run.epochs[-1].line())
        if checkpoint is not None:
            partial = checkpoint.with_suffix(".partial")
            torch.save(run.state(), partial)
            partial.replace(checkpoint)
    model.load_state_dict(run.best, strict=False)
    return run.epochs


def teach(model: LTUAS, material: Material, recipe: Recipe, *, track: Track = lambda steps, _: steps) -> Teachers:
    """The teachers that a fresh model would have, without the model.

    Raises:
        UsageError: The recipe has none.
    """
    run = _Run(model, material, recipe, fresh=True)
    if run.teachers is None:
        msg = "a recipe without teachers"
        raise UsageError(msg, hint="give teachers=1 or more")
    run.teach_teachers(track)
    return run.teachers


@torch.inference_mode()
def read_features(
    model: LTUAS, objective: AnswerLoss, features: Features, prompts: Sequence[str] = tuple(PROMPTS)
) -> NDArray[np.float64]:
    """[N, 4]: the readings of prompts, averaged."""
    readings = np.empty((len(features), len(EMOTIONS)))
    sounds = list(features)
    for length in np.unique(features.lengths):
        (alike,) = np.nonzero(features.lengths == length)
        for rows in np.split(alike, range(_READ_AT_ONCE, len(alike), _READ_AT_ONCE)):
            heard = torch.from_numpy(np.stack([sounds[row] for row in rows])).transpose(1, 2).float()
            audio = model.audio_embeddings(heard)
            read = torch.stack([objective.readings(model, audio, prompt) for prompt in prompts])
            readings[rows] = read.mean(0).double().numpy()
    return readings


class _Run:
    """All that changes while training, so that it can be kept and taken up again."""

    def __init__(self, model: LTUAS, material: Material, recipe: Recipe, *, fresh: bool) -> None:
        self._model, self._material, self._recipe = model, material, recipe
        self._rng = np.random.default_rng(recipe.seed)
        torch.manual_seed(recipe.seed)
        sounds = list(material.train_features[0])
        few = [sounds[row] for row in self._rng.permutation(len(sounds))[:_SCALE_CLIPS]]
        if fresh:
            fit_scales(model, cut_alike(few, self._rng))
        self.teachers = None
        if fresh and recipe.teachers:
            self.teachers = Teachers(model.audio_encoder, model.config.llama.hidden_size, recipe)
        self._objective = AnswerLoss(model.tokenizer)
        self._averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.averaging))  # type: ignore[no-untyped-call]
        self._steps = math.ceil(len(material.train) / recipe.batch)
        hearing = [*model.audio_encoder.parameters(), *model.audio_proj.parameters()]
        parts = [(hearing, recipe.hearing_rate), (model.llama.parameters(), 1.0)]
        self._descent = Descent(parts, recipe, self._steps * recipe.epochs)
        self._targets = (1 - recipe.smoothing) * targets_of(material.train) + recipe.smoothing / len(EMOTIONS)
        self.epochs: list[Epoch] = []
        self.best: dict[str, Tensor] = {}

    def teach_teachers(self, track: Track) -> None:
        """Trains the teachers, if the model is to have some, for as many steps as it will be."""
        if self.teachers is not None:
            steps = self._steps * self._recipe.epochs
            self.teachers.learn(
                self._clips(), targets=self._targets, recipe=self._recipe, steps=steps, rng=self._rng, track=track
            )
            take_over(self._model, self.teachers)

    @property
    def has_stopped(self) -> bool:
        """Whether the dev scores have not improved for too long."""
        if not self._material.dev or not self.epochs:
            return False
        return len(self.epochs) - min(self.epochs, key=lambda e: e.dev_nll).number >= self._recipe.patience

    def epoch(self, track: Track) -> None:
        """Trains for one more epoch, and scores it."""
        start, number = time.perf_counter(), len(self.epochs) + 1
        clips, noises = iter(self._clips()), self._noises()
        noise = iter(noises) if noises else None
        losses = [self._step(clips, noise) for _ in track(range(self._steps), f"epoch {number}")]
        averaged, material = cast("LTUAS", self._averaged.module), self._material
        dev: dict[str, Score] = {}
        if material.dev_features is not None:
            dev = per_corpus(material.dev, read_features(averaged, self._objective, material.dev_features))
        epoch = Epoch(number=number, loss=float(np.mean(losses)), dev=dev, seconds=time.perf_counter() - start)
        if not dev or all(epoch.dev_nll < earlier.dev_nll for earlier in self.epochs):
            self.best = {name: value.clone() for name, value in _learned(averaged).items()}
        self.epochs.append(epoch)

    def state(self) -> dict[str, Any]:
        """What `restore` takes, as values that torch loads without running code from the file."""
        return {
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "best": self.best,
            "model": _learned(self._model),
            "teachers": self.teachers.state_dict() if self.teachers else {},
            "averaged": _learned(self._averaged),
            "descent": self._descent.state_dict(),
            "draws": self._rng.bit_generator.state,
            "torch": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes up where another run stopped."""
        self.epochs = [
            Epoch(**{**epoch, "dev": {name: Score(**score) for name, score in epoch["dev"].items()}})
            for epoch in state["epochs"]
        ]
        self.best = state["best"]
        self._model.load_state_dict(state["model"], strict=False)
        if self.teachers is not None:
            self.teachers.load_state_dict(state["teachers"])
            self.teachers.eval()
        self._averaged.load_state_dict(state["averaged"], strict=False)
        self._descent.load_state_dict(state["descent"])
        self._rng.bit_generator.state = state["draws"]
        torch.set_rng_state(state["torch"])

    def _clips(self) -> Draw:
        labels = [(clip.corpus, clip.speaker, clip.emotion) for clip in self._material.train]
        return Draw(self._material.train_features, balanced(labels), self._recipe.batch, self._rng)

    def _noises(self) -> Draw | None:
        noise, number = self._material.noise_features, round(self._recipe.batch * self._recipe.noise_share)
        if noise is None or not number:
            return None
        return Draw([noise], np.full(len(noise), 1 / len(noise)), number, self._rng)

    def _step(self, clips: Iterator[Drawn], noises: Iterator[Drawn] | None) -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._recipe.bfloat16):
            loss = self._clips_loss(*next(clips))
            if noises is not None:
                _, features = next(noises)
                prompt = str(self._rng.choice(list(PROMPTS)))
                audio = self._model.audio_embeddings(features)
                loss = loss + self._objective.words(self._model, audio, prompt, [NO_SPEECH] * len(features))
        if not torch.isfinite(loss):
            msg = f"the loss is {loss.item()} in epoch {len(self.epochs) + 1}"
            raise TrainingError(msg, hint="a smaller learning rate may help")
        self._descent.step(loss)
        self._averaged.update_parameters(self._model)
        return loss.item()

    def _clips_loss(self, rows: NDArray[np.int64], features: Tensor) -> Tensor:
        """Half of the batch is asked for one word, the other half for likelihoods."""
        recipe, rng = self._recipe, self._rng
        features, targets = mixed(features, self._targets[rows], recipe.mixing, rng)
        if self.teachers is None:
            audio = self._hear_in_part(features)
        else:
            targets, audio = self.teachers.readings(features), self._model.audio_embeddings(features)
        transcript = str(rng.choice(SENTENCES)) if rng.random() < recipe.transcript_share else None
        half = len(rows) // 2
        single = self._objective.single(self._model, audio[:half], targets[:half], rng=rng, transcript=transcript)
        ambiguous = self._objective.ambiguous(self._model, audio[half:], targets[half:], rng=rng, transcript=transcript)
        return (single + ambiguous) / 2

    def _hear_in_part(self, features: Tensor) -> Tensor:
        """Audio tokens of features [B, layers, T, d_model], with parts of either hidden."""
        tltr = self._model.audio_encoder
        blank = tltr.input_mean if tltr.standardise else torch.zeros(())
        shown = torch.ones(*features.shape[:2], 1, features.shape[3])
        kept = nn.functional.dropout(shown, self._recipe.feature_dropout)
        audio = self._model.audio_embeddings(blank + (features - blank) * kept)
        return nn.functional.dropout(audio, self._recipe.dropout)


def _learned(module: nn.Module) -> dict[str, Tensor]:
    """The state without the encoder, which is nine tenths of it and never changes."""
    return {name: value for name, value in module.state_dict().items() if "whisper." not in name}
