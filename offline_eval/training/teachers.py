"""Teachers: small classifiers on the encoder's features, whose common reading the language model learns to give.

A small classifier under heavy feature dropout finds, from some thousand clips, what carries over to other voices; a
language model does not, but can learn any function it is shown often enough. So labels teach the teachers, and the
teachers, asked about endless mixtures of clips, teach the model: function matching (Beyer et al. 2022, "Knowledge
distillation: A good teacher is patient and consistent"). Teachers are thrown away in the end.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.distribution import EMOTIONS
from offline_eval.training.material import Draw, mixed
from offline_eval.training.optimizer import Descent
from offline_eval.training.recipe import Recipe


class Teachers(nn.Module):
    """Classifiers of one hidden layer on features standardised and averaged over time.

    Args:
        number: How many.
        width: Of the hidden layer.
        mean: Of features, float32 [layers, 1, d_model].
        std: The same.
        recipe: What is blanked while they learn.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, number: int, width: int, mean: Tensor, std: Tensor, recipe: Recipe) -> None:
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())
        self._feature_dropout = recipe.feature_dropout
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(mean.numel(), elementwise_affine=False),
                nn.Linear(mean.numel(), width),
                nn.GELU(),
                nn.Dropout(recipe.dropout),
                nn.Linear(width, len(EMOTIONS)),
            )
            for _ in range(number)
        )

    def forward(self, features: Tensor) -> Tensor:
        """[B, layers, T, d_model] -> [teachers, B, 4] logits; while they learn, each misses other features."""
        clip = ((features - self.mean) / self.std).mean(2).flatten(1)
        blanked = [nn.functional.dropout(clip, self._feature_dropout, self.training) for _ in self.members]
        return torch.stack([member(seen).float() for member, seen in zip(self.members, blanked, strict=True)])

    @torch.no_grad()
    def readings(self, features: Tensor) -> NDArray[np.float64]:
        """[B, 4]: the mean of their readings."""
        return self(features).softmax(-1).mean(0).double().numpy()  # type: ignore[no-any-return]

    def learn(
        self,
        draw: Draw,
        *,
        targets: NDArray[np.float64],
        recipe: Recipe,
        steps: int,
        rng: np.random.Generator,
        track: Callable[[range, str], Iterable[int]],
    ) -> None:
        """Learns the targets [clips, 4] from mixtures of the clips drawn."""
        descent = Descent([(self.parameters(), 1.0)], recipe, steps)
        clips = iter(draw)
        self.train()
        for _ in track(range(steps), "teachers"):
            rows, features = next(clips)
            heard, wanted = mixed(features, targets[rows], recipe.mixing, rng)
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
                guesses = self(heard).log_softmax(-1)
            descent.step(-(torch.from_numpy(wanted).to(guesses) * guesses).sum(-1).mean(-1).sum())
        self.eval()
