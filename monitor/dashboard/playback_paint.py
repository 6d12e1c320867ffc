"""Paints where a replay is: that it is one, of what, and a bar with the speech in it. Pure."""

from textual.content import Content

from monitor.dashboard import wording
from monitor.dashboard.backend import PlaybackFacts
from monitor.dashboard.paint import lines, spread

BADGE = " REPLAY "
HEAD, SPOKEN, SILENT = "●", "━", "─"
SHORTEST_BAR = 8


def playback(facts: PlaybackFacts, rows: int, width: int) -> Content:
    """One row, or two with a bar as wide as the screen."""
    badge = Content.styled(BADGE.strip() if width < len(BADGE) + 16 else BADGE, "bold $background on $accent")
    if rows > 1:
        return lines(_words(badge, facts, width), bar(facts, width))
    left = Content.assemble(badge, " ", (_where(facts), "bold"), " ", _pace(facts))
    room = width - left.cell_length - 1
    if room < SHORTEST_BAR:
        return left if left.cell_length <= width else Content.assemble(badge, " ", (_where(facts), "bold"))
    return Content.assemble(left, " ", bar(facts, room))


def bar(facts: PlaybackFacts, width: int) -> Content:
    """The whole of it in so many cells: speech thick, silence thin, what was played bright, and where it is now."""
    if width < 1:
        return Content.empty()
    share = facts.position_s / facts.length_s if facts.length_s else 0.0
    head = min(int(share * width), width - 1)
    cells = "".join(SPOKEN if _spoken(facts.spoken, cell, width) else SILENT for cell in range(width))
    return Content.assemble((cells[:head], "$accent"), (HEAD, "bold $accent"), (cells[head + 1 :], "$quiet"))


def _words(badge: Content, facts: PlaybackFacts, width: int) -> Content:
    right = Content.assemble(_pace(facts), "   ", (_where(facts), "bold"))
    recorded = f", recorded {facts.recorded}" if facts.recorded else ""
    room = width - badge.cell_length - right.cell_length - 2
    choices = (f"of {facts.name}{recorded}, not live", f"of {facts.name}{recorded}", f"of {facts.name}", "not live", "")
    return spread(Content.assemble(badge, " ", wording.fitting(room, choices)), right, width)


def _where(facts: PlaybackFacts) -> str:
    return f"{wording.position(facts.position_s)} / {wording.position(facts.length_s)}"


def _pace(facts: PlaybackFacts) -> Content:
    speed = "" if facts.speed == 1 else f" {facts.speed:g}{wording.TIMES}"
    return Content.styled(f"{facts.state}{speed}", "$warning" if facts.state != "playing" else "")


def _spoken(spoken: bytes, cell: int, width: int) -> bool:
    first = cell * len(spoken) // width
    return any(spoken[first : max((cell + 1) * len(spoken) // width, first + 1)])
