"""Completes the path of a folder in a line of input."""

import asyncio

from textual.suggester import Suggester

from core.errors import UsageError
from core.user_path import user_path


class Folders(Suggester):
    """Completes the path of a folder; the right arrow key takes it."""

    async def get_suggestion(self, value: str) -> str | None:
        """The first folder whose path begins so."""
        return await asyncio.to_thread(_completed, value) if "/" in value else None


def _completed(value: str) -> str | None:
    parent, _, begun = value.rpartition("/")
    try:
        inside = sorted(user_path("the folder", f"{parent}/").iterdir())
        names = [entry.name for entry in inside if entry.name.startswith(begun) and entry.is_dir()]
    except (OSError, UsageError):
        return None
    shown = [name for name in names if begun or not name.startswith(".")]
    return f"{parent}/{shown[0]}/" if shown else None
