"""The training loop over cached features, with weight averaging and early stopping on dev speakers."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from core.distribution import EMOTIONS
from core.errors import EmotionMonitorError
from core.ltu_as.model import LTUAS
from core.ltu_as.prompt import PROMPTS
from offline_eval.clips import Clip
from offline_eval.scores import OVERALL, Score, per_corpus, targets_of
from offline_eval.training.network import fit_scales
from offline_eval.training.objective import AnswerLoss
from offline_eval.training.recipe import Recipe
from offline_eval.training.sentences import SENTENCES

Features = NDArray[np.float16]

_SCALE_CLIPS = 256
_DEV_BATCH = 64
_MAX_GRADIENT = 1.0


class TrainingError(EmotionMonitorError):
    """Training went wrong: the loss is no longer a number."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Material:
    """Clips and their features [clips, layers, tokens, d_model]: one array per variant for training, one for dev."""

    train: Sequence[Clip]
    train_features: Sequence[Features]
    dev: Sequence[Clip]
    dev_features: Features


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one epoch came to: mean training loss, and the averaged weights' dev scores per corpus."""

    number: int
    loss: float
    dev: dict[str, Score]
    seconds: float

    @property
    def dev_nll(self) -> float:
        """Mean over corpora, so that a large corpus does not decide alone when to stop."""
        return float(np.mean([score.nll for name, score in self.dev.items() if name != OVERALL]))

    @property
    def dev_f1(self) -> float:
        """Mean over corpora of macro-F1."""
        return float(np.mean([score.macro_f1 for name, score in self.dev.items() if name != OVERALL]))

    def line(self) -> str:
        """One line for the terminal."""
        corpora = ", ".join(f"{name} {s.macro_f1:.3f}/{s.nll:.3f}" for name, s in self.dev.items())
        return (
            f"epoch {self.number}: loss {self.loss:.3f}, dev NLL {self.dev_nll:.3f}, "
            f"macro-F1/NLL by corpus {corpora}, {self.seconds:.0f} s"
        )


def fit(model: LTUAS, material: Material, recipe: Recipe, *, progress: Callable[[str], None]) -> list[Epoch]:
    """Trains everything but the Whisper encoder; leaves the averaged weights of the best epoch in the model.

    Raises:
        TrainingError: The loss became infinite or NaN.
    """
    rng = np.random.default_rng(recipe.seed)
    torch.manual_seed(recipe.seed)
    few = rng.permutation(len(material.train))[:_SCALE_CLIPS]
    fit_scales(model, torch.from_numpy(material.train_features[0][few]).float())
    objective = AnswerLoss(model.tokenizer)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(recipe.averaging))  # type: ignore[no-untyped-call]
    steps = math.ceil(len(material.train) / recipe.batch)
    optimizer, schedule = _optimizer(model, recipe, steps * recipe.epochs)
    lessons = _Lessons(material.train, recipe)
    epochs: list[Epoch] = []
    best: dict[str, Tensor] = {}
    for number in range(1, recipe.epochs + 1):
        start = time.perf_counter()
        losses = []
        for rows, features in _batches(material, recipe, steps, rng):
            audio = _drop(model.audio_embeddings(features), recipe)
            loss = _step_loss(model, objective, audio, rows=rows, lessons=lessons, recipe=recipe, rng=rng)
            if not torch.isfinite(loss):
                msg = f"the loss is {loss.item()} in epoch {number}"
                raise TrainingError(msg, hint="a smaller learning rate may help")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), _MAX_GRADIENT)
            optimizer.step()
            schedule.step()
            averaged.update_parameters(model)
            losses.append(loss.item())
        probabilities = read_features(cast("LTUAS", averaged.module), objective, material.dev_features)
        epoch = Epoch(
            number=number,
            loss=float(np.mean(losses)),
            dev=per_corpus(material.dev, probabilities),
            seconds=time.perf_counter() - start,
        )
        progress(epoch.line())
        if all(epoch.dev_nll < earlier.dev_nll for earlier in epochs):
            best = {name: value.clone() for name, value in averaged.module.state_dict().items()}
        epochs.append(epoch)
        if number - min(epochs, key=lambda e: e.dev_nll).number >= recipe.patience:
            break
    model.load_state_dict(best)
    return epochs


@torch.inference_mode()
def read_features(model: LTUAS, objective: AnswerLoss, features: Features) -> NDArray[np.float64]:
    """[N, 4]: the readings of both prompts, averaged."""
    rows = []
    for start in range(0, len(features), _DEV_BATCH):
        audio = model.audio_embeddings(torch.from_numpy(features[start : start + _DEV_BATCH]).float())
        readings = torch.stack([objective.readings(model, audio, prompt) for prompt in PROMPTS])
        rows.append(readings.mean(0).double().numpy())
    return np.concatenate(rows)


def draw_weights(clips: Sequence[Clip]) -> NDArray[np.float64]:
    """Probability of drawing each clip: emotions alike within a corpus, corpora by the square root of their size."""
    cells = Counter((clip.corpus, clip.emotion) for clip in clips)
    corpora = Counter(clip.corpus for clip in clips)
    emotions = Counter(corpus for corpus, _ in cells)
    weights: NDArray[np.float64] = np.array(
        [math.sqrt(corpora[c.corpus]) / emotions[c.corpus] / cells[c.corpus, c.emotion] for c in clips]
    )
    weights /= weights.sum()
    return weights


class _Lessons:
    """What is taught about each training clip: its smoothed label, and percentages half of the model's own making."""

    def __init__(self, clips: Sequence[Clip], recipe: Recipe) -> None:
        self.targets = (1 - recipe.smoothing) * targets_of(clips) + recipe.smoothing / len(EMOTIONS)
        self._readings = self.targets.copy()
        self._own_share = recipe.own_share

    def written(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """The probabilities [B, 4] to write for these clips."""
        return (1 - self._own_share) * self.targets[rows] + self._own_share * self._readings[rows]

    def note(self, rows: NDArray[np.int64], readings: Tensor) -> None:
        """Keeps the latest readings [B, 4] of these clips."""
        self._readings[rows] = readings.numpy()


def _step_loss(
    model: LTUAS,
    objective: AnswerLoss,
    audio: Tensor,
    *,
    rows: NDArray[np.int64],
    lessons: _Lessons,
    recipe: Recipe,
    rng: np.random.Generator,
) -> Tensor:
    """Half of the batch is asked for one word, the other half for likelihoods."""
    transcript = str(rng.choice(SENTENCES)) if rng.random() < recipe.transcript_share else None
    half = len(rows) // 2
    one, many = rows[:half], rows[half:]
    single, heard = objective.single(model, audio[:half], lessons.targets[one], rng=rng, transcript=transcript)
    lessons.note(one, heard)
    ambiguous, heard = objective.ambiguous(
        model,
        audio[half:],
        lessons.targets[many],
        written=lessons.written(many),
        rng=rng,
        transcript=transcript,
    )
    lessons.note(many, heard)
    return (single + ambiguous) / 2


def _batches(
    material: Material, recipe: Recipe, steps: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
    """Drawn clips, and the features of one random variant of each."""
    weights = draw_weights(material.train)
    for _ in range(steps):
        rows = rng.choice(len(weights), size=recipe.batch, p=weights)
        variants = rng.integers(len(material.train_features), size=recipe.batch)
        features = np.stack([material.train_features[v][i] for v, i in zip(variants, rows, strict=True)])
        yield rows, torch.from_numpy(features).float()


def _drop(audio: Tensor, recipe: Recipe) -> Tensor:
    """Blanks some channels and some whole audio tokens."""
    kept = torch.rand(audio.shape[:2]) >= recipe.token_dropout
    return nn.functional.dropout(audio, recipe.dropout) * kept[..., None]


def _optimizer(
    model: LTUAS, recipe: Recipe, steps: int
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))
    warm = max(1, round(recipe.warmup * steps))

    def rate(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
