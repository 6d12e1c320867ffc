"""Low-rank adapters (LoRA, Hu et al. 2021) on linear layers, and merging them into the weights."""

from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from core.ltu_as.config import LoraConfig

L = TypeVar("L", bound=nn.Linear)


class LoRALinear(nn.Linear):
    """A linear layer plus `scale * B @ A`; the adapter is held and computed in float32, whatever the weight's dtype."""

    def __init__(self, in_features: int, out_features: int, *, r: int, scale: float, **factory: Any) -> None:
        super().__init__(in_features, out_features, bias=False, **factory)
        self.scale = scale
        self.lora_A = nn.Linear(in_features, r, bias=False, device=factory.get("device"))
        self.lora_B = nn.Linear(r, out_features, bias=False, device=factory.get("device"))
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name in torch
        """[..., in_features] -> [..., out_features]."""
        base = super().forward(input)
        update = self.lora_B(self.lora_A(input.to(self.lora_A.weight.dtype)))
        return cast("Tensor", base + (update * self.scale).to(base.dtype))

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """A plain layer with the same output; the sum is taken in float32 and rounded once."""
        update = self.scale * (self.lora_B.weight.float() @ self.lora_A.weight.float())
        linear = nn.Linear(self.in_features, self.out_features, bias=False, device="meta")
        linear.weight = nn.Parameter((self.weight.float() + update).to(self.weight.dtype))
        return linear


def add_lora(llama: nn.Module, config: LoraConfig) -> None:
    """Replaces the target projections of every attention layer by LoRALinear with fresh adapters (B = 0)."""
    for parent, name, linear in _children(llama, nn.Linear):
        if name in config.targets and not isinstance(linear, LoRALinear):
            adapted = LoRALinear(
                linear.in_features,
                linear.out_features,
                r=config.r,
                scale=config.scale,
                device=linear.weight.device,
                dtype=linear.weight.dtype,
            )
            adapted.weight = linear.weight
            setattr(parent, name, adapted)


def merge_lora(module: nn.Module) -> None:
    """Replaces every LoRALinear inside by the plain layer it equals."""
    for parent, name, linear in _children(module, LoRALinear):
        setattr(parent, name, linear.merged())


def _children(module: nn.Module, kind: type[L]) -> list[tuple[nn.Module, str, L]]:
    return [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent.named_children()
        if isinstance(child, kind)
    ]
