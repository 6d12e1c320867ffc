"""A published model that is on this machine, checked before any of its weights is loaded."""

from pathlib import Path

from core.errors import ModelError
from core.json_file import read_json
from core.speech_llm.hub import local_snapshot
from core.speech_llm.hub_name import is_hub_name
from core.speech_llm.model_types import is_published_layout, refuse_what_cannot_hear
from core.speech_llm.size import Memory, folder_size, refuse_what_does_not_fit
from core.user_path import user_path


def is_published(name: str) -> bool:
    """Whether a model's name means a published one: of the hub, or a folder in Hugging Face's layout."""
    if is_hub_name(name):
        return True
    try:
        config = read_json(user_path("model.name", name) / "config.json")
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and is_published_layout(config)


def checked_folder(name: str, *, memory: Memory | None = None) -> Path:
    """The folder of a published model; the network is never asked.

    Args:
        name: `hf:OWNER/NAME[@REVISION]`, or a folder in Hugging Face's layout.
        memory: What it must fit into; None: that is not asked.

    Raises:
        UsageError: It is not here, or not all of it.
        ModelError: It takes no sound, has no weights as safetensors, or does not fit.
    """
    folder = local_snapshot(name) if is_hub_name(name) else user_path("model.name", name)
    try:
        config = read_json(folder / "config.json")
    except (OSError, ValueError) as error:
        msg = f"{folder / 'config.json'}: not readable as JSON: {error}"
        raise ModelError(msg) from error
    refuse_what_cannot_hear(config, name)
    size = folder_size(folder)
    if memory is not None:
        refuse_what_does_not_fit(name, size, memory)
    return folder
