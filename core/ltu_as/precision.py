"""How torch computes: in bfloat16 on CPUs that multiply it faster; with kernels that always give the same digits."""

import os

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


def use_deterministic_kernels() -> None:
    """For this process: the same input of the same shape gives the same digits every time, where torch can.

    Call it before a GPU is used. What torch has no such kernel for is warned of.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # torch refuses cuBLAS without it
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
