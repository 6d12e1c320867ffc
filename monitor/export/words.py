"""Counts and times in words, for the page and for the few lines after a session."""

from collections.abc import Mapping

from monitor.losses import Lost, reason_words

LONG_S = 100
"""From here on lengths are in minutes."""


def loss(reason: str, lost: Lost) -> str:
    """Sound that got no reading for one reason."""
    words = reason_words(reason)
    times = f" {lost.times} times" if lost.times > 1 else ""
    return f"{words}{times}" + (f", {lost.seconds:.1f} s" if lost.seconds else "")


def counts(numbers: Mapping[str, int]) -> str:
    """Each with its number."""
    return ", ".join(f"{name}: {number}" for name, number in numbers.items())


def length(seconds: float) -> str:
    """A time as people say it."""
    if seconds < LONG_S:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def many(count: int, thing: str) -> str:
    """So many things."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
