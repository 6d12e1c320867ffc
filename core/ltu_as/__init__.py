"""LTU-AS: the model, its prompt and tokenizer, and how its logits become a distribution over emotions."""

from typing import TYPE_CHECKING, Any

# The function, before anything can bind the package's attribute of that name to the module.
from core.ltu_as.readout import InvalidReading, read_text, readout
from core.ltu_as.steps import StepLogits
from core.ltu_as.verbalizer import Verbalizer

if TYPE_CHECKING:
    from core.ltu_as.config import LTUAS_7B, LTUASConfig
    from core.ltu_as.decode import Decoding
    from core.ltu_as.model import LTUAS
    from core.ltu_as.reader import LTUASReader

__all__ = [
    "LTUAS",
    "LTUAS_7B",
    "Decoding",
    "InvalidReading",
    "LTUASConfig",
    "LTUASReader",
    "StepLogits",
    "Verbalizer",
    "read_text",
    "readout",
]

_LAZY = {
    "LTUAS": "model",
    "LTUASConfig": "config",
    "LTUASReader": "reader",
    "LTUAS_7B": "config",
    "Decoding": "decode",
}


def __getattr__(name: str) -> Any:
    """Imports torch and transformers only when the model itself is asked for."""
    from importlib import import_module

    if name not in _LAZY:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"core.ltu_as.{_LAZY[name]}"), name)
