"""Engine of emotion-monitor: values, pure state machines, the LTU-AS model and its worker. No UI, no network.

    import core

    model = core.open_model("ltu-as-mini")
    reading = model.read(samples)

See `core.opening.open_model`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.opening import open_model

__all__ = ["open_model"]

DISTRIBUTION = "emotion-monitor"
"""Whose `core` this is: a user's own folder of that name would be found in its place, see `monitor/__init__.py`."""


def __getattr__(name: str) -> Any:
    """Imports what it takes to open a model only when someone does."""
    if name in __all__:
        from core import opening

        return getattr(opening, name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)
