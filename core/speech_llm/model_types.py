"""Which published models hear: told by their config.json, before anything else of them is fetched."""

from typing import Any

from core.errors import ModelError
from core.speech_llm.families import FAMILIES

_THINKER = "_thinker"
"""Ends the `model_type` of a Qwen-Omni without the part that talks."""


def refuse_what_cannot_hear(config: dict[str, Any], name: str) -> None:
    """Refuses a model that takes no sound, or would need code of its own.

    Args:
        config: What its config.json holds.
        name: How the user calls it.

    Raises:
        ModelError: It is of no family that is known to hear, or a member of one that does not.
    """
    kind = config.get("model_type")
    family = FAMILIES.get(str(kind).removesuffix(_THINKER))
    if family is None:
        if config.get("auto_map"):
            msg = f"{name} comes with Python code of its own, which is never run ({kind!r} is not in transformers)"
            raise ModelError(msg, hint="look for a revision of it in transformers' own format; see docs/models.md")
        msg = f"{name} takes no sound, as far as is known: its model_type is {kind!r}"
        raise ModelError(msg, hint=f"known to hear: {', '.join(known.title for known in FAMILIES.values())}")
    if not family.hears(config):
        msg = f"{name} takes no sound: there is no audio in this {family.title}"
        raise ModelError(msg, hint="others of its kind hear; see docs/models.md")
