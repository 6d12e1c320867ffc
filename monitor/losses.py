"""Sound that got no reading, and why, for everyone who tells people of it."""

from dataclasses import dataclass

EXPECTED = frozenset({"too_short", "paused", "superseded"})
"""Reasons that are no cause for worry."""
ABSENT = "absent"
"""Reason of the gap in a stream whose microphone was away, and is back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """Sound that got no reading for one reason: how often, and how long in all; 0 where that is not known."""

    times: int = 0
    seconds: float = 0.0

    def raised_to(self, other: "Lost") -> "Lost":
        """Where two count the same losses, each may have missed some: the greater numbers."""
        return Lost(times=max(self.times, other.times), seconds=max(self.seconds, other.seconds))


_WORDS = {
    "too_short": "too short",
    "overflow": "sound lost",
    ABSENT: "microphone away",
    "overload": "too much speech at once",
    "too_late": "waited too long",
}


def reason_words(reason: str) -> str:
    """The reason of a drop in words; one that is not known as it is."""
    return _WORDS.get(reason, reason.replace("_", " "))
