"""Sound that is in memory already."""

from collections.abc import AsyncIterator
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ
from monitor.sources.source import BLOCK_S, AudioBlock

_BLOCK = round(BLOCK_S * SAMPLE_RATE_HZ)


class ClipSource:
    """Gives samples (int16 [n], 16 kHz mono) as fast as they are taken. Implements `Source`."""

    def __init__(self, name: str, samples: NDArray[np.int16]) -> None:
        self.name = name
        self.label: str | None = None
        self.realtime = False
        self.notices: list[str] = []
        self._samples = samples

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass

    def hold(self, *, held: bool) -> bool:  # noqa: ARG002 - see `Source`
        """See `Source`: it is taken when someone wants it."""
        return True

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        """See `Source`."""
        for start in range(0, len(self._samples), _BLOCK):
            yield AudioBlock(self._samples[start : start + _BLOCK])
