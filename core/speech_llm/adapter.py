"""Adapters (LoRA) that a speech LLM hears through, merged into its language model from safetensors."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel

from core.errors import ModelError
from core.json_file import read_json

WEIGHTS_NAME = "adapter_model.safetensors"
CONFIG_NAME = "adapter_config.json"

_PLAIN: Mapping[str, Any] = {
    "alpha_pattern": {}, "bias": "none", "fan_in_fan_out": False, "modules_to_save": None, "peft_type": "LORA",
    "rank_pattern": {}, "use_dora": False, "use_rslora": False,
}  # fmt: skip
"""What makes an adapter W + alpha / r B A, and nothing else."""
_BEFORE_A, _BEFORE_B = ".lora_A.weight", ".lora_B.weight"


def adapter_sha256(folder: Path) -> str:
    """SHA-256 of an adapter's weights.

    Raises:
        ModelError: There are none.
    """
    try:
        with (folder / WEIGHTS_NAME).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(folder, error) from error


def merge_adapter(network: PreTrainedModel, folder: Path) -> None:
    """Adds alpha / r B A to each weight W of the language model that has an adapter.

    Raises:
        ModelError: A file is missing or damaged, or it is another kind of adapter, or that of another model.
    """
    try:
        config = read_json(folder / CONFIG_NAME)
        tensors = load_file(folder / WEIGHTS_NAME)
        scale = float(config["lora_alpha"]) / float(config["r"])
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError, SafetensorError) as error:
        raise _unreadable(folder, error) from error
    for name, plain in _PLAIN.items():
        if config.get(name, plain) not in (plain, None):
            msg = f"{folder / CONFIG_NAME}: {name} = {config[name]!r} is not supported"
            raise ModelError(msg)
    decoder: torch.nn.Module = network.get_decoder()  # type: ignore[no-untyped-call]
    for name in [name for name in tensors if name.endswith(_BEFORE_A)]:
        module = "layers." + name.removesuffix(_BEFORE_A).partition(".layers.")[2]
        try:
            weight = decoder.get_submodule(module).weight
            down, up = tensors.pop(name), tensors.pop(name.removesuffix(_BEFORE_A) + _BEFORE_B)
            _add(weight, up, down, scale)  # type: ignore[arg-type]
        except (AttributeError, KeyError, RuntimeError) as error:
            msg = f"{folder / WEIGHTS_NAME}: {name} does not fit the model: {error}"
            raise ModelError(msg) from error
    if tensors:
        msg = f"{folder / WEIGHTS_NAME}: unexpected tensor {min(tensors)}"
        raise ModelError(msg)


def _unreadable(folder: Path, error: Exception) -> ModelError:
    msg = f"{folder}: the adapter that this model hears through is not readable: {error!r}"
    return ModelError(msg, hint=f"get {CONFIG_NAME} and {WEIGHTS_NAME} from where the model is from")


@torch.no_grad()
def _add(weight: Tensor, up: Tensor, down: Tensor, scale: float) -> None:
    product = scale * (up.to(weight.device).float() @ down.to(weight.device).float())
    if product.shape != weight.shape:
        msg = f"{list(product.shape)} is not {list(weight.shape)}"
        raise RuntimeError(msg)
    weight.copy_(weight.float() + product)
