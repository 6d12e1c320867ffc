"""Paints where a replay is: that it is one, of what, and a bar with the speech in it. Pure."""

from textual.content import Content

from monitor.dashboard.paint import wording
from monitor.dashboard.paint.text import fitting, lines, spread
from monitor.dashboard.state.playback import PlaybackFacts

BADGE, BADGE_STYLE = " REPLAY ", "bold $background on $accent"
HEAD, SPOKEN, SILENT = "●", "━", "─"
SHORTEST_BAR = 8


def playback(facts: PlaybackFacts, rows: int, width: int) -> Content:
    """One row, or two with a bar as wide as the screen."""
    if rows > 1:
        return lines(_words(facts, width), bar(facts, width))
    short = _short(facts, width)
    room = width - short.cell_length - 1
    return Content.assemble(short, " ", bar(facts, room)) if room >= SHORTEST_BAR else short


def bar(facts: PlaybackFacts, width: int) -> Content:
    """The whole of it in so many cells: speech thick, silence thin, what was played bright, and where it is now."""
    if width < 1:
        return Content.empty()
    share = facts.position_s / facts.length_s if facts.length_s else 0.0
    head = min(int(share * width), width - 1)
    cells = "".join(SPOKEN if _spoken(facts.spoken, cell, width) else SILENT for cell in range(width))
    return Content.assemble((cells[:head], "$accent"), (HEAD, "bold $accent"), (cells[head + 1 :], "$quiet"))


def _words(facts: PlaybackFacts, width: int) -> Content:
    badge = Content.styled(BADGE, BADGE_STYLE)
    right = Content.assemble(_pace(facts), "   ", (_where(facts), "bold"))
    room = width - badge.cell_length - right.cell_length - 2
    if room < 0:
        return _short(facts, width)
    recorded = f", recorded {facts.recorded}" if facts.recorded else ""
    choices = (f"of {facts.name}{recorded}, not live", f"of {facts.name}{recorded}", f"of {facts.name}", "not live", "")
    return spread(Content.assemble(badge, " ", fitting(room, choices)), right, width)


def _short(facts: PlaybackFacts, width: int) -> Content:
    """That it is a replay, where, and how fast, as far as there is room."""
    where = (_where(facts), "bold")
    left = Content.assemble((BADGE, BADGE_STYLE), " ", where, " ", _pace(facts))
    if left.cell_length <= width:
        return left
    word = BADGE.strip()
    text = fitting(width - len(word) - 1, (where[0], wording.position(facts.position_s)))
    return Content.assemble((word, BADGE_STYLE), " ", (text, "bold"))


def _where(facts: PlaybackFacts) -> str:
    return f"{wording.position(facts.position_s)} / {wording.position(facts.length_s)}"


def _pace(facts: PlaybackFacts) -> Content:
    speed = "" if facts.speed == 1 else f" {facts.speed:g}{wording.TIMES}"
    return Content.styled(f"{facts.state}{speed}", "$warning" if facts.state != "playing" else "")


def _spoken(spoken: bytes, cell: int, width: int) -> bool:
    first = cell * len(spoken) // width
    return any(spoken[first : max((cell + 1) * len(spoken) // width, first + 1)])
