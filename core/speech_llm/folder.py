"""A folder in the layout of Hugging Face: what kind of model it holds, and whether its numbers make sense.

Nothing here needs torch, so that a folder of no use is refused at once.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.json_file import read_json
from core.ltu_as.folder import resolve_model
from core.speech_llm.families.family import Family
from core.speech_llm.hub import local_snapshot
from core.speech_llm.hub_name import HubName, is_hub_name
from core.speech_llm.model_types import family_of

CONFIG_NAME = "config.json"

_DEEPEST = 1024
"""Layers or heads: far above any model there is, and far below what no machine can hold."""
_WIDEST = 1 << 24
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def model_path(name: str) -> Path:
    """The folder of a model of any kind: as `resolve_model`, or the snapshot of `hf:OWNER/NAME[@revision]`.

    Raises:
        UsageError: There is no such model.
        ModelError: It cannot be had.
    """
    return local_snapshot(name) if is_hub_name(name) else resolve_model(name)


def called(name: str) -> str | None:
    """What events call a model of this name: `OWNER/NAME` of a repository; None: as its folder is called."""
    return HubName.parse(name).repo_id if is_hub_name(name) else None


def is_hugging_face(folder: Path) -> bool:
    """Whether config.json says what class of transformers the model is; LTU-AS's own says its `format`."""
    try:
        config = read_json(folder / CONFIG_NAME)
    except (OSError, ValueError):  # whoever reads it as a model folder says so
        return False
    return isinstance(config, dict) and "model_type" in config and "format" not in config


def check_folder(folder: Path) -> tuple[Family, dict[str, Any]]:
    """The family of a folder's model, and its config.json.

    Raises:
        ModelError: It is no speech LLM that we know, its weights are quantised or would have to be unpickled, or a
            number makes no sense.
    """
    path = folder / CONFIG_NAME
    try:
        config: dict[str, Any] = read_json(path)
        family = family_of(config, str(path))
    except ModelError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{path}: not readable as the configuration of a model: {error!r}"
        raise ModelError(msg) from error
    for key, number in _numbers(config):
        limit = _DEEPEST if key.endswith(("layers", "heads", "depth")) else _WIDEST
        sized = key.endswith(("layers", "heads", "depth", "size", "dim", "d_model", "positions", "bins", "experts"))
        if not math.isfinite(number) or (sized and abs(number) > limit):
            msg = f"{path}: {key} = {number:g} makes no sense"
            raise ModelError(msg, hint="get the file again from where the model is from")
    if not any(folder.glob("*.safetensors")) and (pickled := [p for one in _PICKLED for p in folder.glob(one)]):
        msg = f"{folder}: the weights are pickled ({min(pickled).name}), and unpickling can run any code: not opened"
        raise ModelError(msg, hint="take a copy of the model that has .safetensors files")
    return family, config


def _numbers(value: Any, key: str = "config") -> Iterator[tuple[str, float]]:
    """Every number in what JSON holds, with the nearest key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _numbers(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, key)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield key, value
