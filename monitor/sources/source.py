"""What the pipeline expects of a source of sound."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

BLOCK_S = 0.02
"""Length of the blocks that sources hand out."""

Speed = float | Literal["max"]
"""How fast a file or standard input is played: 1 is real time; "max" is as fast as the consumer takes it."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """Consecutive int16 samples at 16 kHz mono; `lost` samples went missing just before the first of them.

    `ends` says that whoever spoke is gone: what is being spoken is over with this block, without waiting for silence.
    """

    samples: NDArray[np.int16]
    lost: int = 0
    ends: bool = False


class Source(Protocol):
    """A stream of sound. Enter it, iterate `blocks()` once, leave it.

    Attributes:
        name: For people and events: `mic:USB Audio`, `file:talk.wav`, `stdin`.
        label: What the user calls it; None: nothing.
        realtime: True if sound keeps coming whether or not the model keeps up, so that overload must drop; False if
            the consumer may make the source wait.
        notices: What the user should be told, one line each; grows while the source runs.
    """

    name: str
    label: str | None
    realtime: bool
    notices: list[str]

    async def __aenter__(self) -> Self:
        """Opens the source; once this returns, sound is really arriving or ready.

        Raises:
            UsageError, AudioError: It cannot be opened.
        """

    async def __aexit__(self, *exc_info: object) -> None:
        """Closes the source."""

    def hold(self, *, held: bool) -> bool:
        """Someone pauses listening, or goes on; whether it stands still meanwhile, where no block is taken.

        A file does, and loses nothing. A microphone cannot, nor can others whose sound may be live: it is let go by.
        """

    def blocks(self) -> AsyncIterator[AudioBlock]:
        """Yields the sound until it ends.

        Raises:
            AudioError: It ended before its time; all sound up to there was yielded.
        """
