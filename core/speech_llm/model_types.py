"""Which published models can be read: told by their config.json, before anything else of them is fetched or opened."""

from typing import Any

from core.errors import ModelError
from core.speech_llm.families import FAMILIES
from core.speech_llm.families.family import Family

_THINKER = "_thinker"
"""Ends the `model_type` of a Qwen-Omni without the part that talks."""


def family_of(config: dict[str, Any], said: str) -> Family:
    """The family of a model.

    Args:
        config: What its config.json holds.
        said: What is said of it in errors: its name, or that file.

    Raises:
        ModelError: It is no speech LLM that we know, takes no sound, or is quantised.
        KeyError, TypeError, AttributeError: It is no such configuration.
    """
    family = FAMILIES.get(config["model_type"].removesuffix(_THINKER))
    if family is None:
        raise _unknown(config, said)
    if not family.hears(config):
        msg = f"{said}: there is no audio in this {family.title}"
        raise ModelError(msg, hint="others of its kind hear")
    if config.get("quantization_config") is not None:
        msg = f"{said}: the weights are quantised, which is not supported"
        raise ModelError(msg, hint="take the model that they were made of")
    return family


def _unknown(config: dict[str, Any], said: str) -> ModelError:
    heard = any("audio" in key or "speech" in key for key in config)
    why = "not a speech LLM that this program knows" if heard else "there is no audio in this model"
    own = "; code that comes with a model is never run" if "auto_map" in config else ""
    known = ", ".join(family.title for family in FAMILIES.values())
    return ModelError(f"{said}: model_type {config['model_type']!r}: {why}{own}", hint=f"known: {known}")
