"""Weights of a model on disk: model folders, and the names other files give to the same tensors."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from core.errors import ModelError
from core.ltu_as.config import CONFIG_NAME, DtypeName
from core.ltu_as.tokenizer import TOKENIZER_NAME

if TYPE_CHECKING:
    from core.ltu_as.model import LTUAS

WEIGHTS_NAME = "model.safetensors"
INDEX_NAME = "model.safetensors.index.json"

_HINT = "copy the model folder again, or make it again with `emotion-monitor convert`"


def save(model: "LTUAS", folder: Path) -> None:
    """Writes config.json, model.safetensors and tokenizer.json; a reader never sees half a weights file."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    partial = folder / f"{WEIGHTS_NAME}.partial"
    save_file(tensors, partial, metadata={"format": "pt"})
    partial.chmod(0o644)  # safetensors makes files that only their owner can read
    partial.replace(folder / WEIGHTS_NAME)
    model.tokenizer.save(folder / TOKENIZER_NAME)
    model.config.to_json(folder / CONFIG_NAME)


def load_into(model: "LTUAS", folder: Path, *, device: str, dtype: DtypeName) -> None:
    """Gives a model built on the meta device the weights of a folder.

    The language model takes `dtype`; the Whisper encoder takes the configured feature dtype on a GPU and float32 on a
    CPU; everything else is float32.

    Raises:
        ModelError: A file is missing or damaged, or a tensor is missing, unexpected, mis-shaped or not finite; names
            the file and the tensor.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    tensors: dict[str, Tensor] = {}
    for file in weight_files(folder):
        for name, tensor in _read(file, expected):
            target = _dtype_of(name, model, device, dtype)
            tensors[name] = tensor.to(device=device, dtype=target)
            if not bool(tensors[name].isfinite().all()):
                msg = f"{file}: tensor {name} holds values that are not finite as {target}".replace("torch.", "")
                raise ModelError(msg, hint=_HINT)
    missing = sorted(expected.keys() - tensors.keys())
    if missing:
        msg = f"{folder}: tensor {missing[0]} is missing ({len(missing)} of {len(expected)} are)"
        raise ModelError(msg, hint=_HINT)
    model.load_state_dict(tensors, strict=True, assign=True)
    _compute_rotary(model, device)


def weight_files(folder: Path) -> list[Path]:
    """The weights files of a model folder: the shards an index names, or the only one.

    Raises:
        ModelError: There are none, or the index is broken.
    """
    index = folder / INDEX_NAME
    if not index.exists():
        if not (folder / WEIGHTS_NAME).is_file():
            msg = f"{folder / WEIGHTS_NAME}: no such file"
            raise ModelError(msg, hint="a model folder holds config.json, model.safetensors and tokenizer.json")
        return [folder / WEIGHTS_NAME]
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{index}: not an index of weights files: {error!r}"
        raise ModelError(msg, hint=_HINT) from error
    for name in names:
        if Path(name).name != name or not (folder / name).is_file():
            msg = f"{index}: {name} is not in the folder"
            raise ModelError(msg, hint=_HINT)
    return [folder / name for name in names]


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


def from_published(key: str) -> str:
    """Our name of a tensor in the authors' checkpoints (a LLaMA wrapped by peft, with the audio modules inside).

    Raises:
        ModelError: Not such a name.
    """
    name = key.removeprefix("base_model.model.").replace(".default.weight", ".weight")
    if re.match(r"model\.audio_(encoder|proj)\.", name):
        return name.removeprefix("model.")
    if re.match(r"model\.(layers|embed_tokens|norm)\.|lm_head\.", name):
        return f"llama.{name}"
    msg = f"{key} is not the name of an LTU-AS tensor"
    raise ModelError(msg)


def from_whisper(key: str) -> str | None:
    """Our name of a tensor in OpenAI's Whisper files; None for what the features do not need.

    Of the positional table only the first `whisper.positions` rows are kept.
    """
    if not key.startswith("encoder.") or key.startswith("encoder.ln_post"):
        return None
    name = key.replace("encoder.", "whisper.", 1).replace("positional_embedding", "embed_positions.weight")
    for theirs, ours in _WHISPER_NAMES.items():
        name = name.replace(theirs, ours)
    return name


def from_hf_whisper(key: str) -> str | None:
    """Our name of a tensor in a transformers Whisper folder; None for what the features do not need."""
    name = key.removeprefix("model.")
    if not name.startswith("encoder.") or name.startswith("encoder.layer_norm"):
        return None
    return name.replace("encoder.", "whisper.", 1)


_WHISPER_NAMES = {
    ".blocks.": ".layers.",
    ".attn.query.": ".self_attn.q_proj.",
    ".attn.key.": ".self_attn.k_proj.",
    ".attn.value.": ".self_attn.v_proj.",
    ".attn.out.": ".self_attn.out_proj.",
    ".attn_ln.": ".self_attn_layer_norm.",
    ".mlp.0.": ".fc1.",
    ".mlp.2.": ".fc2.",
    ".mlp_ln.": ".final_layer_norm.",
}


@contextmanager
def _open(file: Path) -> Iterator[Any]:
    try:
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


def _dtype_of(name: str, model: "LTUAS", device: str, dtype: DtypeName) -> torch.dtype:
    if name.startswith("llama.") and ".lora_" not in name:
        return _DTYPES[dtype]
    if name.startswith("whisper.") and device != "cpu":
        return _DTYPES[model.config.feature_dtype]
    return torch.float32


_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_STORED: dict[str, DtypeName] = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_LM_HEAD = "llama.lm_head.weight"


def _compute_rotary(model: "LTUAS", device: str) -> None:
    """The rotary frequencies are computed, not stored; on the meta device that came to nothing."""
    rotary = model.llama.model.rotary_emb
    model.llama.model.rotary_emb = type(rotary)(rotary.config).to(device)
