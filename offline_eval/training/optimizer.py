"""What moves the weights: AdamW with a linear warm-up and half a cosine down to zero."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn

from offline_eval.training.recipe import Recipe

_MAX_GRADIENT = 1.0


class Descent:
    """Optimizer and schedule of one training.

    Args:
        parts: Parameters, and their learning rate as a share of the recipe's.
        recipe: Rate, warm-up and decay of matrices; vectors are not decayed.
        steps: How many there will be.
    """

    def __init__(self, parts: Sequence[tuple[Iterable[nn.Parameter], float]], recipe: Recipe, steps: int) -> None:
        listed = [(list(parameters), share) for parameters, share in parts]
        groups = [
            {
                "params": [p for p in parameters if (p.ndim > 1) == matrices],
                "lr": recipe.learning_rate * share,
                "weight_decay": recipe.weight_decay if matrices else 0.0,
            }
            for parameters, share in listed
            for matrices in (True, False)
        ]
        self._parameters = [p for parameters, _ in listed for p in parameters]
        self._optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
        warm = max(1, round(recipe.warmup * steps))

        def pace(step: int) -> float:
            if step < warm:
                return (step + 1) / warm
            return (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2

        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, pace)

    def step(self, loss: torch.Tensor) -> None:
        """One step down."""
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, _MAX_GRADIENT)
        self._optimizer.step()
        self._schedule.step()

    def state_dict(self) -> dict[str, dict[str, object]]:
        """What `load_state_dict` takes."""
        return {"optimizer": self._optimizer.state_dict(), "schedule": self._schedule.state_dict()}

    def load_state_dict(self, state: dict[str, dict[str, object]]) -> None:
        """Takes up where another one stopped."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
