"""Weight-only quantisation of the language model, for small cards: matrices of 8 or 4 bits, by torchao.

Of every 32 weights in a row the integers and one scale are kept (int4: and one offset); what they are multiplied with
stays as it is. It moves readings: `emotion-monitor bench drift` says how far.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch import Tensor, nn

from core.errors import ModelError, UsageError

Quantization = Literal["int8", "int4"]

GROUP = 32
"""Weights that share a scale. One scale for a whole row would do for int8, but then torchao multiplies by the bare
integers, and in float16 their sums overflow."""

_INT4_CAPABILITY = (8, 0)


def check_quantization(kind: Quantization, device: str) -> None:
    """Says what is missing before anything is loaded.

    Raises:
        UsageError: torchao is not installed, or the GPU is too old for int4.
    """
    if find_spec("torchao") is None:
        msg = f"model.quantize = {kind} needs torchao, which is not installed"
        raise UsageError(msg, hint="pip install 'emotion-monitor[quantized]', or pip install 'torchao==0.18.*'")
    if kind == "int4" and device.startswith("cuda") and torch.cuda.get_device_capability(device) < _INT4_CAPABILITY:
        msg = f"model.quantize = int4 needs a GPU of compute capability 8.0, which {device} is not"
        raise UsageError(msg, hint="older ones can take int8")


def quantize(layers: nn.Module, kind: Quantization, device: str) -> None:
    """Moves every linear layer inside to the device and quantises its weights there, one after the other.

    Args:
        layers: Those of the language model, with adapters merged.
        kind: Bits of a weight.
        device: `cpu`, `cuda` or `cuda:N`.

    Raises:
        ModelError: A matrix does not consist of whole groups.
    """
    quantize_, config = _quantizer(kind, device)
    for name, part in layers.named_modules():
        if not isinstance(part, nn.Linear):
            continue
        if part.in_features % GROUP:
            msg = f"{kind}: {name} has {part.in_features} inputs, which are not whole groups of {GROUP}"
            raise ModelError(msg, hint="this model cannot be quantised")
        part.to(device)
        if kind == "int4" and device.startswith("cuda"):
            part.to(torch.bfloat16)  # what that kernel multiplies in, whatever it is given
        quantize_(part, config)


def is_quantized(linear: nn.Linear) -> bool:
    """Whether its weights are not a plain matrix."""
    return type(linear.weight) is not nn.Parameter


def held_bytes(module: nn.Module) -> int:
    """Memory of a module's weights, scales included, each counted once."""
    storages = (tensor.untyped_storage() for weight in module.parameters() for tensor in _plain(weight))
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def _plain(tensor: Tensor) -> Iterator[Tensor]:
    """What a tensor consists of, in memory."""
    flatten = getattr(tensor, "__tensor_flatten__", None)
    if flatten is None:
        yield tensor
    else:
        for name in flatten()[0]:
            yield from _plain(getattr(tensor, name))


def _quantizer(kind: Quantization, device: str) -> tuple[Callable[[nn.Module, Any], None], Any]:
    """What quantises a module, and what it has to be told."""
    from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig
    from torchao.quantization import Int4WeightOnlyConfig, Int8WeightOnlyConfig, quantize_
    from torchao.quantization.granularity import PerGroup

    usual: dict[str, Any] = {"set_inductor_config": False}  # settings of the whole process, for torch.compile
    if kind == "int8":
        return quantize_, Int8WeightOnlyConfig(granularity=PerGroup(GROUP), **usual)
    if device == "cpu":  # the only one with a kernel there
        return quantize_, PrototypeInt4WeightOnlyConfig(group_size=GROUP, **usual)
    return quantize_, Int4WeightOnlyConfig(group_size=GROUP, int4_packing_format="tile_packed_to_4d", **usual)
