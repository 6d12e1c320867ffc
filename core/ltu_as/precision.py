"""Half the bits where a processor multiplies them faster: bfloat16 on CPUs that compute with it."""

import torch
from torch import nn


def has_native_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; others would be slower with it than with float32."""
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch cannot say
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))


def compute_in_bfloat16(module: nn.Module) -> None:
    """Rounds matrices and what they multiply to bfloat16; norms and the sums of residuals stay float32.

    For reading on a CPU: a module so treated cannot be trained.
    """
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv1d):
            part.to(torch.bfloat16)
    rounded = torch.autocast("cpu", torch.bfloat16)
    module.forward = rounded(module.forward)
