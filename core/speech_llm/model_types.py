"""Which published models hear: told by their config.json, before anything else of them is fetched or loaded."""

from collections.abc import Mapping
from typing import Any

from core.errors import ModelError

AUDIO_MODEL_TYPES = frozenset(
    {
        "audioflamingo3",
        "gemma3n",
        "gemma4",
        "granite_speech",
        "phi4_multimodal",
        "qwen2_5_omni",
        "qwen2_5_omni_thinker",
        "qwen2_audio",
        "qwen3_omni_moe",
        "qwen3_omni_moe_thinker",
        "voxtral",
    }
)
"""`model_type` of the families whose classes are transformers' own."""

_MAY_BE_DEAF = frozenset({"gemma3n", "gemma4"})
"""Families that have members without an audio encoder; these have no `audio_config`."""


def is_published_layout(config: Mapping[str, Any]) -> bool:
    """Whether a config.json is of Hugging Face's layout, rather than one of ours."""
    return isinstance(config.get("model_type"), str)


def refuse_what_cannot_hear(config: Mapping[str, Any], name: str) -> None:
    """Refuses a model that takes no sound, or would need code of its own.

    Args:
        config: What its config.json holds.
        name: How the user calls it.

    Raises:
        ModelError: It is of no family that is known to hear, or a member of one that does not.
    """
    kind = config.get("model_type")
    if kind not in AUDIO_MODEL_TYPES:
        if config.get("auto_map"):
            msg = f"{name} comes with Python code of its own, which is never run ({kind!r} is not in transformers)"
            raise ModelError(msg, hint="look for a revision of it in transformers' own format; see docs/models.md")
        msg = f"{name} takes no sound, as far as is known: its model_type is {kind!r}"
        raise ModelError(msg, hint=f"known to hear: {', '.join(sorted(AUDIO_MODEL_TYPES))}")
    if kind in _MAY_BE_DEAF and not config.get("audio_config"):
        msg = f"{name} takes no sound: its config.json has no audio_config"
        raise ModelError(msg, hint="take a larger or smaller one of the same family that has; see docs/models.md")
