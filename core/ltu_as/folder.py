"""Where a model's folder is, found without torch."""

from pathlib import Path

from core.errors import UsageError
from core.user_path import user_path

EMBEDDED = "ltu-as-mini"
"""The model inside the package."""


def resolve_model(name: str) -> Path:
    """The folder of a model: `ltu-as-mini`, or the path of a folder made by `emotion-monitor convert`.

    Raises:
        UsageError: No such model, or a folder without a model in it.
    """
    hint = f"use {EMBEDDED}, or a folder made by `emotion-monitor convert`"
    folder = Path(__file__).parent / "mini" if name == EMBEDDED else user_path("model.name", name)
    if not folder.is_dir():
        what = "no file of it is installed" if name == EMBEDDED else "no such model, and no such folder"
        msg = f"{name}: {what}"
        raise UsageError(msg, hint=hint)
    if not (folder / "config.json").is_file():
        msg = f"{name}: not a model folder: it has no config.json"
        raise UsageError(msg, hint=hint)
    return folder
