"""Which files of a model folder are its weights, told without opening them and without torch."""

from pathlib import Path

from core.errors import ModelError
from core.json_file import read_json

WEIGHTS_NAME = "model.safetensors"
INDEX_NAME = "model.safetensors.index.json"

_HINT = "copy the model folder again, or make it again with `emotion-monitor convert`"


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
    return shards_of(index)


def shards_of(index: Path, *, hint: str = _HINT) -> list[Path]:
    """The weights files that an index names, in order; none of them has been opened.

    Raises:
        ModelError: It is no such index, or names a file that is not right beside it.
    """
    try:
        names = sorted(set(read_json(index)["weight_map"].values()))
        outside = [name for name in names if Path(name).name != name]
        missing = [name for name in names if name not in outside and not (index.parent / name).is_file()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{index}: not an index of weights files: {error!r}"
        raise ModelError(msg, hint=hint) from error
    if outside:
        msg = f"{index}: names {outside[0]}, which is not right beside it"
        raise ModelError(msg, hint="it was not opened; get the index again from where the weights are from")
    if missing:
        msg = f"{index}: {missing[0]} is not in the folder"
        raise ModelError(msg, hint=hint)
    return [index.parent / name for name in names]
