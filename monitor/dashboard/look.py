"""How the dashboard looks and listens to keys: from the settings, the terminal, and what was chosen last time."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_state_path

from core.settings import DashboardSettings
from monitor.dashboard import keymap
from monitor.dashboard.paint import themes

ASCII_TERMINALS = ("dumb", "linux", "vt", "unknown")
"""Beginnings of TERM's value where blocks finer than a cell cannot be hoped for."""
BLOCKS = "█▏━╭▸"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What `DashboardApp` looks like."""

    theme: str = "dark"
    """One of themes.NAMES."""
    ascii: bool = False
    compact: bool = False
    keymap: Mapping[str, str] = field(default_factory=dict)
    """Action to keys, as `keymap.checked` gives it."""
    memory: Path | None = None
    """File in which the theme is kept for the next time; None: it is not."""

    def remember(self, theme: str) -> None:
        """Keeps the theme for the next time, if it can be."""
        if self.memory is not None:
            try:
                self.memory.parent.mkdir(parents=True, exist_ok=True)
                self.memory.write_text(theme, encoding="utf-8")
            except OSError:
                return  # a folder that cannot be written to is no reason to disturb anyone


def chosen_look(
    settings: DashboardSettings,
    *,
    environ: Mapping[str, str] = os.environ,
    encoding: str | None = None,
    memory: Path | None = None,
) -> Look:
    """The look that the settings ask for.

    Args:
        settings: Section `dashboard`.
        environ: Where TERM is looked up.
        encoding: What the terminal takes; by default what standard output says.
        memory: File with the last theme; by default one in the user's state folder.

    Raises:
        UsageError: The keymap names what is not there, or two actions share a key.
    """
    memory = memory or user_state_path("emotion-monitor") / "theme"
    theme: str = settings.theme
    if theme == "auto":
        theme = _remembered(memory) or themes.NAMES[0]
    plain = settings.ascii
    if plain == "auto":
        plain = needs_ascii(environ.get("TERM", ""), encoding or sys.stdout.encoding or "ascii")
    return Look(
        theme=theme,
        ascii=plain,
        compact=settings.compact,
        keymap=keymap.checked(settings.keymap),
        memory=memory,
    )


def needs_ascii(term: str, encoding: str) -> bool:
    """Whether a terminal cannot show blocks and lines."""
    try:
        BLOCKS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return True
    return term.startswith(ASCII_TERMINALS)


def _remembered(file: Path) -> str | None:
    try:
        name = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return name if name in themes.NAMES else None
