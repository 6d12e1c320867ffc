"""Teachers: small classifiers on the encoder's features, whose common reading the language model learns to give.

A small classifier under heavy feature dropout finds, from some thousand clips, what carries over to other voices; a
language model does not, but can learn any function it is shown often enough. So labels teach the teachers, and the
teachers, asked about endless mixtures of clips, teach the model: function matching (Beyer et al. 2022, "Knowledge
distillation: A good teacher is patient and consistent"). What they came to listen for becomes the model's projection;
the rest of them is thrown away.
"""

from collections.abc import Callable, Iterable
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.distribution import EMOTIONS
from core.errors import UsageError
from core.ltu_as.tltr import TLTR
from offline_eval.training.material import Draw, mixed
from offline_eval.training.optimizer import Descent
from offline_eval.training.recipe import Recipe


class Teachers(nn.Module):
    """Classifiers of one hidden layer, which together are as wide as the language model.

    They hear what the projection hears as long as TLTR's blocks are the identity, averaged over time.

    Args:
        tltr: As `fit_scales` leaves it.
        width: Of all hidden layers together.
        recipe: How many they are, and what is hidden from them while they learn.

    Raises:
        UsageError: The width is no multiple of their number.
    """

    _mean: Tensor
    _std: Tensor

    def __init__(self, tltr: TLTR, width: int, recipe: Recipe) -> None:
        super().__init__()
        if width % recipe.teachers:
            msg = f"{recipe.teachers} teachers cannot share a width of {width}"
            raise UsageError(msg, hint="hidden must be a multiple of teachers")
        self.register_buffer("_mean", tltr.input_mean.clone())
        self.register_buffer("_std", tltr.input_std.clone())
        self._join = tltr.join
        self._feature_dropout = recipe.feature_dropout
        layers, _, dim = tltr.input_mean.shape
        inputs = dim * (layers if tltr.join == "concat" else 1)
        each = width // recipe.teachers
        self.members = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(inputs, elementwise_affine=False),
                nn.Linear(inputs, each),
                nn.GELU(),
                nn.Dropout(recipe.dropout),
                nn.Linear(each, len(EMOTIONS)),
            )
            for _ in range(recipe.teachers)
        )

    def forward(self, features: Tensor) -> Tensor:
        """[B, layers, T, d_model] -> [teachers, B, 4] logits; while they learn, each misses other features."""
        standard = ((features - self._mean) / self._std).mean(2)
        clip = standard.flatten(1) if self._join == "concat" else standard.mean(1)
        blanked = [nn.functional.dropout(clip, self._feature_dropout, self.training) for _ in self.members]
        return torch.stack([member(seen).float() for member, seen in zip(self.members, blanked, strict=True)])

    def hidden(self) -> tuple[Tensor, Tensor]:
        """Weight [width, inputs] and bias [width] of all hidden layers."""
        layers = [cast("nn.Linear", cast("nn.Sequential", member)[1]) for member in self.members]
        return torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers])

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
