"""Loads a model of transformers from a folder: from safetensors only, and whole."""

import hashlib
import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel

from core.errors import ModelError
from core.ltu_as.checkpoint import folder_sha256
from core.ltu_as.config import DtypeName
from core.ltu_as.weight_files import weight_files
from core.speech_llm.adapter import adapter_sha256, merge_adapter
from core.speech_llm.families.family import Family
from core.stand_in import refuse_stand_in

_SLACK = 1.01
"""A model may have a few more parameters than its weights hold: some are computed."""


def load_network(
    folder: Path, family: Family, told: dict[str, Any], *, device: str, dtype: DtypeName
) -> PreTrainedModel:
    """The network of a folder that `check_folder` has passed, with the adapter it hears through merged.

    Args:
        folder: The folder.
        family: As `check_folder` says.
        told: Its config.json.
        device: Where to put it.
        dtype: Precision.

    Raises:
        ModelError: A package or a file is missing, a file is damaged, or weights and configuration do not fit.
    """
    missing = [module for module in family.needs if find_spec(module) is None]
    if missing:
        msg = (
            f"{family.title} needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
        )
        raise ModelError(msg, hint=f"pip install {' '.join(missing)}")
    if not hasattr(transformers, family.model_class):
        msg = f"transformers {transformers.__version__} does not know {family.title} ({family.model_class})"
        raise ModelError(msg, hint="pip install --upgrade transformers")
    model_class = getattr(transformers, family.model_class)
    _hush()
    stored = _stored_parameters(folder)
    config = _said_in_one_line(folder, lambda: model_class.config_class.from_pretrained(folder, local_files_only=True))
    with torch.device("meta"):
        wanted = sum(each.numel() for each in _said_in_one_line(folder, lambda: model_class(config)).parameters())
    if wanted > _SLACK * stored:
        msg = f"{folder}: config.json describes {wanted:,} parameters, the weights hold {stored:,}"
        raise ModelError(msg, hint="they do not belong together: get the model again")
    model, loading = _said_in_one_line(
        folder,
        lambda: model_class.from_pretrained(
            folder,
            config=config,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        ),
    )
    if lost := sorted(loading["missing_keys"]):
        msg = f"{folder}: tensor {lost[0]} is missing ({len(lost)} are)"
        raise ModelError(msg, hint="get the model again from where it is from")
    by_peft = getattr(model, "_hf_peft_config_loaded", False)  # where that is installed, transformers has done it
    if family.adapter is not None and family.adapted(told) and not by_peft:
        merge_adapter(model, folder / family.adapter)
    network: PreTrainedModel = model.eval().requires_grad_(requires_grad=False).to(device)
    return network


def weights_sha256(folder: Path, family: Family, told: dict[str, Any]) -> str:
    """`folder_sha256`, or where the model hears through an adapter, SHA-256 of that digest and the adapter's.

    Raises:
        ModelError: A file is missing.
    """
    weights = folder_sha256(folder)
    if family.adapter is None or not family.adapted(told):
        return weights
    adapter = adapter_sha256(folder / family.adapter)
    return hashlib.sha256(bytes.fromhex(weights + adapter)).hexdigest()


def _hush() -> None:
    """What transformers would print of a model that loads is not for users; what does not load is told by us."""
    transformers.logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def stored_dtype(config: dict[str, Any]) -> DtypeName:
    """The precision that config.json says the weights are meant for."""
    told = next((config[key] for key in ("dtype", "torch_dtype") if key in config), None)
    inner = (stored_dtype(value) for key, value in config.items() if key in ("thinker_config", "text_config"))
    name = str(told).removeprefix("torch.") if told else next(inner, "bfloat16")
    return name if name in ("float32", "float16") else "bfloat16"  # type: ignore[return-value]


def _stored_parameters(folder: Path) -> int:
    total = 0
    for file in weight_files(folder):
        try:
            refuse_stand_in(file, "weights", ModelError)
            with safe_open(file, framework="pt") as tensors:
                total += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            msg = f"{file}: not readable as safetensors: {error}"
            raise ModelError(msg, hint="get the file again from where the model is from") from error
    return total


def _said_in_one_line(folder: Path, load: Any) -> Any:
    """What `load` gives; whatever it raises, but for want of memory, is told in one line."""
    try:
        return load()
    except (ModelError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        why = str(error).strip().splitlines() or [type(error).__name__]
        msg = f"{folder}: transformers cannot load it: {why[0]}"
        raise ModelError(msg, hint="are its files complete, and those of this model?") from error


def load_parts(folder: Path, family: Family) -> tuple[Any, Any]:
    """Tokenizer and feature extractor of a folder.

    Raises:
        ModelError: They cannot be loaded.
    """
    return (
        _said_in_one_line(folder, lambda: family.tokenizer(folder)),
        _said_in_one_line(folder, lambda: family.extractor(folder)),
    )
