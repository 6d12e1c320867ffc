"""Where a model's folder is, found without torch."""

from pathlib import Path

from core.errors import UsageError
from core.user_path import user_path

EMBEDDED = "ltu-as-mini"
"""The model inside the package."""


_HINT = f"use {EMBEDDED}, or a folder made by `emotion-monitor convert`"


def resolve_model(name: str) -> Path:
    """The folder of a model: `ltu-as-mini`, or the path of a folder made by `emotion-monitor convert`.

    Raises:
        UsageError: No such model, or a folder without a model in it.
    """
    folder = model_folder(name)
    if not (folder / "config.json").is_file():
        msg = f"{name}: not a model folder: it has no config.json"
        raise UsageError(msg, hint=_HINT)
    return folder


def model_folder(name: str | Path) -> Path:
    """The same, whatever is in the folder.

    Raises:
        UsageError: There is no such folder.
    """
    is_embedded = str(name) == EMBEDDED
    folder = Path(__file__).parent / "mini" if is_embedded else user_path("model.name", str(name))
    if not folder.is_dir():
        msg = f"{name}: {'no file of it is installed' if is_embedded else 'no such model, and no such folder'}"
        raise UsageError(msg, hint=_HINT)
    return folder
