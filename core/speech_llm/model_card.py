"""What a model card states of its licence: the YAML between two lines of dashes at the top of its README.md."""

from pathlib import Path
from typing import Any

NOT_STATED = "not stated in its card"


def stated_licence(card: Path) -> str:
    """The licence as the card words it; it must be read there, since only its name is here."""
    from huggingface_hub import metadata_load

    try:
        stated: Any = metadata_load(card) or {}
    except (OSError, ValueError):  # none, or no UTF-8
        return NOT_STATED
    except Exception as error:  # noqa: BLE001 - YAML's own errors have no base that hub re-exports
        return f"not readable: {type(error).__name__} in {card.name}"
    named = stated.get("license")
    if named == "other":  # then it has a name of its own
        named = stated.get("license_name") or named
    if not named:
        return NOT_STATED
    words = ", ".join(map(str, named)) if isinstance(named, list) else str(named)
    link = stated.get("license_link")
    return f"{words} ({link})" if link else words
