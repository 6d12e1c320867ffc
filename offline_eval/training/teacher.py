"""A linear teacher: multinomial logistic regression on the means over sounds, which knows more than it seems.

A deep model taught by labels alone loses some of it on the way.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offline_eval.scoring.metrics.sample import Values

_LEAST_STD = 1e-2
_ITERATIONS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Teacher:
    """Reads features."""

    mean: Tensor
    std: Tensor
    linear: nn.Linear

    @torch.no_grad()
    def read(self, features: Tensor) -> Values:
        """[N, 4] readings of features [N, K]."""
        readings: Values = self.linear((features - self.mean) / self.std).double().softmax(-1).numpy()
        return readings


def fit_teacher(features: NDArray[np.float32], targets: Values, weights: NDArray[np.float64], *, l2: float) -> Teacher:
    """The least weighted mean cross-entropy against targets [N, 4], with half of `l2` times the squared weights.

    The features [N, K] are standardised first; the bias is not held back. The same on every run.
    """
    rows = torch.from_numpy(features)
    wanted, share = (torch.from_numpy(values).float() for values in (targets, weights / weights.sum()))
    mean = share @ rows
    std = (share @ (rows - mean).square()).sqrt().clamp(min=_LEAST_STD)
    rows = (rows - mean) / std
    linear = nn.Linear(rows.shape[1], wanted.shape[1])
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    optimizer = torch.optim.LBFGS(
        linear.parameters(), max_iter=_ITERATIONS, history_size=12, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        entropy = -(share[:, None] * wanted * linear(rows).log_softmax(-1)).sum()
        total: Tensor = entropy + l2 / 2 * linear.weight.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return Teacher(mean, std, linear.requires_grad_(requires_grad=False))
