"""Weights of a model on disk: files of tensors, whole and checked."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from core.errors import ModelError
from core.ltu_as.config import DtypeName
from core.ltu_as.weight_files import WEIGHTS_NAME, weight_files
from core.stand_in import refuse_stand_in

_HINT = "copy the model folder again, or make it again with `emotion-monitor convert`"


def save_weights(tensors: Mapping[str, Tensor], folder: Path) -> None:
    """Writes model.safetensors; a reader never sees half a file."""
    partial = folder / f"{WEIGHTS_NAME}.partial"
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, partial, {"format": "pt"})
    partial.chmod(0o644)  # safetensors makes files that only their owner can read
    partial.replace(folder / WEIGHTS_NAME)


def load_into(module: nn.Module, folder: Path, *, device: str, dtype_of: Callable[[str], DtypeName]) -> None:
    """Gives a module built on the meta device the weights of a folder.

    Args:
        module: Knows the names and shapes that must be there.
        folder: Holds model.safetensors, or shards with an index.
        device: Where the weights go.
        dtype_of: The precision of each tensor, by its name.

    Raises:
        ModelError: A file is missing or damaged, or a tensor is missing, unexpected, mis-shaped or not finite; names
            the file and the tensor.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    tensors: dict[str, Tensor] = {}
    for file in weight_files(folder):
        for name, tensor in _read(file, expected):
            target = _DTYPES[dtype_of(name)]
            tensors[name] = tensor.to(device=device, dtype=target)
            if not bool(tensors[name].isfinite().all()):
                msg = f"{file}: tensor {name} holds values that are not finite as {target}".replace("torch.", "")
                raise ModelError(msg, hint=_HINT)
    missing = sorted(expected.keys() - tensors.keys())
    if missing:
        msg = f"{folder}: tensor {missing[0]} is missing ({len(missing)} of {len(expected)} are)"
        raise ModelError(msg, hint=_HINT)
    module.load_state_dict(tensors, strict=True, assign=True)


def stored_dtype(folder: Path) -> DtypeName:
    """Precision in which the language model is stored, read without its weights.

    Raises:
        ModelError: As `weight_files`, or the weights hold no language model.
    """
    for file in weight_files(folder):
        with _open(file) as tensors:
            if _LM_HEAD in tensors.keys():  # noqa: SIM118 - not a dict
                return _STORED[tensors.get_slice(_LM_HEAD).get_dtype()]
    msg = f"{folder}: tensor {_LM_HEAD} is missing"
    raise ModelError(msg, hint=_HINT)


def folder_sha256(folder: Path) -> str:
    """SHA-256 of the weights: of the file, or of the shards' digests in the order of their names."""
    digests = []
    for file in weight_files(folder):
        with file.open("rb") as stream:
            digests.append(hashlib.file_digest(stream, "sha256"))
    if len(digests) == 1:
        return digests[0].hexdigest()
    return hashlib.sha256(b"".join(digest.digest() for digest in digests)).hexdigest()


@contextmanager
def _open(file: Path) -> Iterator[Any]:
    try:
        refuse_stand_in(file, "weights", ModelError)
        with safe_open(file, framework="pt") as tensors:
            yield tensors
    except (SafetensorError, OSError) as error:
        msg = f"{file}: not readable as safetensors: {error}"
        raise ModelError(msg, hint=_HINT) from error


def _read(file: Path, expected: dict[str, tuple[int, ...]]) -> Iterator[tuple[str, Tensor]]:
    with _open(file) as tensors:
        for name in tensors.keys():  # noqa: SIM118 - not a dict
            if name not in expected:
                msg = f"{file}: unexpected tensor {name}"
                raise ModelError(msg, hint=_HINT)
            tensor = tensors.get_tensor(name)
            if tuple(tensor.shape) != expected[name]:
                msg = f"{file}: tensor {name} has shape {list(tensor.shape)}, not {list(expected[name])}"
                raise ModelError(msg, hint=_HINT)
            yield name, tensor


_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_STORED: dict[str, DtypeName] = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_LM_HEAD = "llama.lm_head.weight"
