"""Which parts fit on a terminal."""

from dataclasses import dataclass

from monitor.dashboard.paint.reading import Density

BORDERS = {Density.ROOMY: 2, Density.PLAIN: 2, Density.COMPACT: 1}
TIMELINE_FLAT = 6
"""Lines of the timeline without a frame: heading, three of chart, marks, axis."""
TIMELINE_FRAMED = (7, 16)
"""Fewest and most lines of the timeline in a frame."""
TIMELINE_SHARE = 0.5
"""Of the room that timeline and table share."""
TABLE_FLAT = 4
"""Fewest lines of the table without a frame: titles and three rows."""
HEALTH = 2
BARE = 3 + Density.COMPACT.value + BORDERS[Density.COMPACT]
"""Lines below which a panel has no room beside header, message line and keys."""
FRAMED = 16
"""Lines that timeline and table need together to be framed."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How dense the panels are and which parts are shown."""

    density: Density
    timeline: int
    """Lines of the timeline, its frame or heading included; 0: not shown."""
    history: bool
    framed: bool
    """Whether timeline and table have frames."""
    health: bool
    bare: bool = False
    """Whether header and message line give way as well, for the sake of the shares."""


def fit(height: int, streams: int, *, compact: bool = False) -> Layout:
    """The roomiest layout for a terminal of so many lines and so many streams; the least roomy one if `compact`.

    Health gives way on low terminals, then the timeline, then the table; header and message line are the last. Keys
    are always there.
    """
    streams = max(streams, 1)
    if height < BARE:
        return Layout(Density.COMPACT, timeline=0, history=False, framed=False, health=False, bare=True)
    below = height - 3 - streams * (Density.COMPACT.value + BORDERS[Density.COMPACT])
    costs_table = TABLE_FLAT <= below < TABLE_FLAT + HEALTH
    health = height >= 16 and not costs_table  # noqa: PLR2004 - below, the reading matters more
    room = height - 3 - (HEALTH if health else 0)
    both = TIMELINE_FLAT + TABLE_FLAT
    densities = ((Density.ROOMY, FRAMED), (Density.PLAIN, both), (Density.COMPACT, both))
    for density, wanted in densities[2:] if compact else densities:
        left = room - streams * (density.value + BORDERS[density])
        if left >= wanted:
            framed = left >= FRAMED
            least, most = TIMELINE_FRAMED
            timeline = min(max(int(left * TIMELINE_SHARE), least), most) if framed else TIMELINE_FLAT
            return Layout(density, timeline=timeline, history=True, framed=framed, health=health)
    return Layout(Density.COMPACT, timeline=0, history=left >= TABLE_FLAT, framed=False, health=health)
