"""Where a replay is: what its bar shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaybackFacts:
    """Where a replay is."""

    name: str
    """Of the file."""
    recorded: str
    """When, in words; empty where it is not known."""
    position_s: float
    length_s: float
    speed: float
    state: str
    """One word: playing, paused, ended, reading."""
    spoken: bytes = b""
    """Which parts of the whole hold speech: a byte each, 1 or 0."""
