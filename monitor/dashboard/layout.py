"""Which parts fit on a terminal."""

from dataclasses import dataclass

from monitor.dashboard.paint import Density

BORDERS = {Density.ROOMY: 2, Density.PLAIN: 2, Density.COMPACT: 1}
HISTORY_MIN = 7
"""Lines that the history should keep, its border and titles included."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How dense the panels are and which parts are shown."""

    density: Density
    history: bool
    health: bool


def fit(height: int, streams: int) -> Layout:
    """The roomiest layout for a terminal of so many lines and so many streams.

    Header, message line and keys are always there; health gives way on low terminals, then the history.
    """
    streams = max(streams, 1)
    health = height >= 16  # noqa: PLR2004 - below, the reading matters more
    room = height - 3 - (2 if health else 0)
    for density in (Density.ROOMY, Density.PLAIN, Density.COMPACT):
        left = room - streams * (density.value + BORDERS[density])
        if left >= HISTORY_MIN:
            return Layout(density, history=True, health=health)
    return Layout(Density.COMPACT, history=left >= HISTORY_MIN - 3, health=health)
