"""What a decoder of sound files gives, whichever library does the work."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import EmotionMonitorError


class UnreadableError(EmotionMonitorError):
    """A decoder cannot open a file; says why, without its name."""


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Consecutive sound: float32 [frames, channels] in -1..1. Rate and channels may differ from the piece before."""

    frames: NDArray[np.float32]
    rate_hz: int


@dataclass(frozen=True, slots=True)
class Damage:
    """What could not be decoded, and how much sound came before it."""

    after_s: float
    reason: str


class Decoder(Protocol):
    """An open file.

    Attributes:
        rate_hz: Of its first sound.
        channels: Of its first sound.
        stated_s: How long the file says that it lasts; None if it does not say.
        notices: What the user should be told, one line each; complete once all pieces were given.
        damage: What could not be decoded; known once all pieces were given.
        is_cut_short: Whether there should be more sound than there is; known once all pieces were given.
    """

    rate_hz: int
    channels: int
    stated_s: float | None
    notices: list[str]
    damage: Damage | None
    is_cut_short: bool

    def pieces(self) -> Iterator[Piece]:
        """Gives all sound there is, once, a bounded amount at a time."""

    def close(self) -> None:
        """Closes the file."""
