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
from core.errors import EmotionMonitorError
from core.ltu_as.model import LTUAS
from core.ltu_as.prompt import PROMPTS
from offline_eval.scoring.scores import OVERALL, Score, per_corpus
from offline_eval.training.answers import NO_SPEECH, OPEN_QUESTION, open_answer
from offline_eval.training.examples import examples_of, teacher_of
from offline_eval.training.feature_cache import Features
from offline_eval.training.material import Draw, Drawn, Material, alike, balanced, cut_alike
from offline_eval.training.network import fit_scales
from offline_eval.training.objective import AnswerLoss
from offline_eval.training.recipe import Recipe
from offline_eval.training.sentences import SENTENCES

_SCALE_CLIPS = 256
_SHIFTED_SCALE_CLIPS = 1024
_READ_AT_ONCE = 64
_MAX_GRADIENT = 1.0


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
    scale: bool = True,
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
        scale: Bring the weights to the scale of the material first; not for a trained model.

    Raises:
        TrainingError: The loss became infinite or NaN.
    """
    run = _Run(model, material, recipe, scale=scale)
    if checkpoint is not None and checkpoint.is_file():
        run.restore(torch.load(checkpoint, weights_only=True))
        progress(f"goes on after epoch {len(run.epochs)} of an earlier run")
    while len(run.epochs) < recipe.epochs and not run.has_stopped:
        run.epoch(track)
        progress(run.epochs[-1].line())
        if checkpoint is not None:
            partial = checkpoint.with_suffix(".partial")
            torch.save(run.state(), partial)
            partial.replace(checkpoint)
    model.load_state_dict(run.best, strict=False)
    return run.epochs


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

    def __init__(self, model: LTUAS, material: Material, recipe: Recipe, *, scale: bool) -> None:
        self._model, self._material, self._recipe = model, material, recipe
        self._rng = np.random.default_rng(recipe.seed)
        torch.manual_seed(recipe.seed)
        sounds = list(material.train_features[0])
        few = [sounds[row] for row in self._rng.permutation(len(sounds))[:_SCALE_CLIPS]]
        tltr = model.audio_encoder
        known = None if scale or not tltr.standardise else tltr.input_mean.flatten().numpy()
        self._examples = examples_of(material, recipe, known)
        if scale:
            self._fit_scales(few)
        self._objective = AnswerLoss(model.tokenizer)
        self._averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.averaging))  # type: ignore[no-untyped-call]
        self._steps = math.ceil(len(material.train) / recipe.batch)
        width = model.config.llama.hidden_size
        self._guide = nn.Sequential(nn.GELU(), nn.Linear(width, len(EMOTIONS)))
        self._optimizer, self._schedule = _optimizer(model, self._guide, recipe, self._steps * recipe.epochs)
        self._targets = self._examples.targets
        self._teacher = teacher_of(self._examples, material, recipe) if recipe.teacher_share else None
        self._readings = self._targets.copy()
        self._open_answers = [open_answer(clip.label) for clip in material.others]
        self.epochs: list[Epoch] = []
        self.best: dict[str, Tensor] = {}

    @property
    def has_stopped(self) -> bool:
        """Whether the dev scores have not improved for too long."""
        if not self._material.dev or not self.epochs:
            return False
        return len(self.epochs) - min(self.epochs, key=lambda e: e.dev_nll).number >= self._recipe.patience

    def epoch(self, track: Track) -> None:
        """Trains for one more epoch, and scores it."""
        start, number = time.perf_counter(), len(self.epochs) + 1
        sources = self._sources()
        losses = [self._step(sources) for _ in track(range(self._steps), f"epoch {number}")]
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
            "guide": self._guide.state_dict(),
            "averaged": _learned(self._averaged),
            "optimizer": self._optimizer.state_dict(),
            "schedule": self._schedule.state_dict(),
            "readings": torch.from_numpy(self._readings),
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
        self._guide.load_state_dict(state["guide"])
        self._averaged.load_state_dict(state["averaged"], strict=False)
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        self._readings = state["readings"].numpy()
        self._rng.bit_generator.state = state["draws"]
        torch.set_rng_state(state["torch"])

    def _fit_scales(self, few: Sequence[NDArray[np.float16]]) -> None:
        """At the scale of some sounds; with anchors, of what is left of sounds of all corpora alike."""
        if (shifts := self._examples.shifts) is None:
            fit_scales(self._model, cut_alike(few, self._rng))
            return
        weights = alike(self._material.train)
        variants = self._material.train_features
        _, features = next(iter(Draw(variants, weights, _SHIFTED_SCALE_CLIPS, self._rng, shifts)))
        fit_scales(self._model, features, mean=torch.from_numpy(shifts.mean).view(features.shape[1], -1))

    def _sources(self) -> "_Sources":
        material, recipe, examples = self._material, self._recipe, self._examples
        other_labels = [(clip.corpus, clip.speaker, clip.label) for clip in material.others]
        others = round(recipe.batch * recipe.others_share) if material.others else 0
        noise = material.noise_features
        noises = round(recipe.batch * recipe.noise_share) if noise else 0
        alike = np.full(len(noise), 1 / len(noise)) if noise else np.empty(0)
        return _Sources(
            clips=iter(Draw(material.train_features, examples.weights, recipe.batch, self._rng, examples.shifts)),
            others=iter(Draw(material.other_features, balanced(other_labels), others, self._rng)) if others else None,
            noises=iter(Draw([noise], alike, noises, self._rng)) if noise and noises else None,
        )

    def _step(self, sources: "_Sources") -> float:
        with torch.autocast("cpu", torch.bfloat16, enabled=self._recipe.bfloat16):
            loss = self._clips_loss(*next(sources.clips))
            if sources.others:
                rows, features = next(sources.others)
                answers = [self._open_answers[row] for row in rows]
                loss = loss + self._objective.words(self._model, self._hear(features), OPEN_QUESTION, answers)
            if sources.noises:
                _, features = next(sources.noises)
                prompt = str(self._rng.choice(list(PROMPTS)))
                loss = loss + self._objective.words(
                    self._model, self._hear(features), prompt, [NO_SPEECH] * len(features)
                )
        if not torch.isfinite(loss):
            msg = f"the loss is {loss.item()} in epoch {len(self.epochs) + 1}"
            raise TrainingError(msg, hint="a smaller learning rate may help")
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([*self._model.parameters(), *self._guide.parameters()], _MAX_GRADIENT)
        self._optimizer.step()
        self._schedule.step()
        self._averaged.update_parameters(self._model)
        return loss.item()

    def _clips_loss(self, rows: NDArray[np.int64], features: Tensor) -> Tensor:
        """Half of the batch is asked for one word, the other half for likelihoods, all of it the open question."""
        recipe, rng = self._recipe, self._rng
        features, targets = self._mixed(features, self._targets[rows])
        if self._teacher is not None:
            taught = self._teacher.read(features.mean(2).flatten(1))
            targets = (1 - recipe.teacher_share) * targets + recipe.teacher_share * taught
        audio = self._hear(features)
        transcript = str(rng.choice(SENTENCES)) if rng.random() < recipe.transcript_share else None
        half = len(rows) // 2
        single, heard = self._objective.single(
            self._model, audio[:half], targets[:half], rng=rng, transcript=transcript
        )
        self._readings[rows[:half]] = heard.double().numpy()
        written = (1 - recipe.own_share) * targets[half:] + recipe.own_share * self._readings[rows[half:]]
        ambiguous, heard = self._objective.ambiguous(
            self._model, audio[half:], targets[half:], written=written, rng=rng, transcript=transcript
        )
        self._readings[rows[half:]] = heard.double().numpy()
        loss = (single + ambiguous) / 2
        if recipe.guide:
            guess = self._guide(audio.mean(1)).float().log_softmax(-1)
            loss = loss - recipe.guide * (torch.from_numpy(targets).to(guess) * guess).sum(-1).mean()
        if not self._open_answers or not recipe.others_share:
            return loss
        answers = [open_answer(EMOTIONS[rng.choice(len(EMOTIONS), p=target)]) for target in targets]
        return loss + self._objective.words(self._model, audio, OPEN_QUESTION, answers)

    def _mixed(self, features: Tensor, targets: NDArray[np.float64]) -> tuple[Tensor, NDArray[np.float64]]:
        """Every clip with a weaker other one, and the targets [B, 4] of that."""
        if not self._recipe.mixing:
            return features, targets
        share = self._rng.beta(self._recipe.mixing, self._recipe.mixing, size=len(features))
        share = np.maximum(share, 1 - share)
        other = self._rng.permutation(len(features))
        weight = torch.from_numpy(share).to(features)[:, None, None, None]
        mixed = weight * features + (1 - weight) * features[torch.from_numpy(other)]
        return mixed, share[:, None] * targets + (1 - share[:, None]) * targets[other]

    def _hear(self, features: Tensor) -> Tensor:
        """Audio tokens of features [B, layers, T, d_model], with parts of either blanked."""
        recipe, tltr = self._recipe, self._model.audio_encoder
        blank = tltr.input_mean if tltr.standardise else torch.zeros(())
        kept = nn.functional.dropout(torch.ones(*features.shape[:2], 1, features.shape[3]), recipe.feature_dropout)
        audio = self._model.audio_embeddings(blank + (features - blank) * kept)
        heard = torch.rand(audio.shape[:2]) >= recipe.token_dropout
        return nn.functional.dropout(audio, recipe.dropout) * heard[..., None]


def _learned(module: nn.Module) -> dict[str, Tensor]:
    """The state without the encoder, which is nine tenths of it and never changes."""
    return {name: value for name, value in module.state_dict().items() if "whisper." not in name}


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where an epoch's sounds come from; each gives which sounds, and their features."""

    clips: Iterator[Drawn]
    others: Iterator[Drawn] | None
    noises: Iterator[Drawn] | None


def _optimizer(
    model: LTUAS, guide: nn.Module, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    blocks = list(model.audio_encoder.parameters())
    rest = [*model.audio_proj.parameters(), *model.llama.parameters(), *guide.parameters()]
    groups = [
        {"params": [p for p in part if (p.ndim > 1) == matrices], "lr": rate, "weight_decay": decay}
        for part, rate in ((blocks, recipe.learning_rate * recipe.tltr_rate), (rest, recipe.learning_rate))
        for matrices, decay in ((True, recipe.weight_decay), (False, 0.0))
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    warm = max(1, round(recipe.warmup * steps))

    def pace(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, pace)
