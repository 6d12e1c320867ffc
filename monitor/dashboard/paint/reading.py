"""Paints the current reading of a stream: its words, and the four bars. Pure."""

import functools
from dataclasses import dataclass
from enum import Enum

from textual.content import Content

from core.distribution import EMOTIONS, EmotionDistribution
from monitor.dashboard.paint import bars, wording
from monitor.dashboard.paint.text import NARROW, lines, spread
from monitor.dashboard.state.rows import Heard

GRID = "╎"
FAINT = "55%"
"""Opacity of bars that are not, or no longer, what was heard last."""
HEADS = "this  smoothed "
"""What stands above the two columns of numbers."""
HEADED = 60
"""From so many cells on, the columns of numbers have headings."""


class Density(Enum):
    """How much room a stream's panel takes: its height in lines without a border."""

    ROOMY = 14
    PLAIN = 7
    COMPACT = 3


def track(share: float, width: int, colour: str, marked: int | None = None) -> Content:
    """A bar on its track, `width` cells wide, with an optional mark in one cell."""
    content = Content.styled(bars.bar(share, width).ljust(max(width, 0)), f"{colour} on $track")
    return content if marked is None else _with_mark(content, marked, colour, "$track")


def chart(share: float, width: int, colour: str, marked: int | None = None) -> Content:
    """A bar on a chart with fine lines at every quarter, `width` cells wide, with an optional mark in one cell."""
    text = bars.bar(share, width)
    content = Content.assemble((text, colour), (_grid(width)[len(text) :], "$edge"))
    return content if marked is None else _with_mark(content, marked, colour, "")


@functools.cache
def _grid(width: int) -> str:
    """A fine line at each quarter; the last one just inside."""
    quarters = {min(round(width * quarter / 4), width - 1) for quarter in range(5)}
    return "".join(GRID if cell in quarters else " " for cell in range(width))


def _with_mark(content: Content, cell: int, colour: str, ground: str) -> Content:
    if not 0 <= cell < len(content):
        return content
    inside = content.plain[cell] == "█"
    style = f"bold $background on {colour}" if inside else f"bold $mark on {ground}" if ground else "bold $mark"
    return Content.assemble(content[:cell], ("│", style), content[cell + 1 :])


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What a panel says of the current reading."""

    headline: str
    when: tuple[str, ...] = ()
    certainty: tuple[str, ...] = ()
    heard: Heard | None = None
    faint: bool = False
    """Whether it is not, or no longer, what was heard last; it is then paler."""

    @property
    def interim(self) -> bool:
        """Whether the numbers will change."""
        return self.heard is not None and not self.heard.final


def reading(now: Now, density: Density, width: int) -> Content:
    """The current distribution of a stream with its words, in the lines that the density allows below the meter."""
    heard = now.heard
    title = Content.styled(now.headline, "bold" if heard and heard.raw else "bold $quiet")
    room = width - title.cell_length - 2
    top = spread(title, details(now.when, room), width)
    if density is Density.COMPACT:
        return lines(top, in_a_row(now, width))
    headed = width >= HEADED and heard is not None and (heard.raw or heard.smoothed) is not None
    below = details(now.certainty, width - len(HEADS) - 1 if headed and density is Density.PLAIN else width, first=True)
    if density is Density.PLAIN:
        above = Content.styled(HEADS, "$quiet") if headed else Content.empty()
        return lines(top, spread(below, above, width), *rows(*_shown(now), width, faint=now.faint, interim=now.interim))
    return lines(Content.empty(), top, below, Content.empty(), *roomy_rows(now, width))


def details(parts: tuple[str, ...], width: int, *, first: bool = False) -> Content:
    """As many parts as fit, the last ones before the others, or the first ones; that someone speaks stands out."""
    while parts and len(" · ".join(parts)) > width and (len(parts) > 1 or not first):
        parts = parts[:-1] if first else parts[1:]
    live = {wording.STILL_SPEAKING, wording.SPEAKS_AGAIN}
    styled = [Content.styled(part, "$voice" if part in live else "$quiet") for part in parts]
    return Content.styled(" · ", "$quiet").join(styled)


def _shown(now: Now) -> tuple[EmotionDistribution | None, EmotionDistribution | None]:
    return (now.heard.raw, now.heard.smoothed) if now.heard else (None, None)


def rows(
    raw: EmotionDistribution | None,
    smoothed: EmotionDistribution | None,
    width: int,
    *,
    faint: bool = False,
    interim: bool = False,
) -> list[Content]:
    """Four lines: label, bar with the smoothed value as a mark, and both numbers; the rest is as in `Now`."""
    narrow = width < NARROW
    painted = []
    for index, name in enumerate(EMOTIONS):
        share = tuple(raw)[index] if raw else None
        mean = tuple(smoothed)[index] if smoothed else None
        label = f"{name[0].upper()} " if narrow else f"{name:<11}"
        numbers = Content.assemble(
            _share(share, faint=faint, interim=interim),
            "" if narrow else (f"{_number(mean):>{10 if width >= HEADED else 5}}", "$quiet"),
            "" if narrow else " ",
        )
        cells = width - len(label) - numbers.cell_length
        marked = None if mean is None else bars.mark(mean, cells)
        middle = chart(share or 0.0, cells, _colour(name, faint=faint), marked)
        painted.append(Content.assemble((label, f"${name}"), middle, numbers))
    return painted


def roomy_rows(now: Now, width: int) -> list[Content]:
    """Two lines per emotion, the utterance's bar and the smoothed line below it, and a scale."""
    raw, smoothed = _shown(now)
    if width < NARROW:
        return rows(raw, smoothed, width, faint=now.faint, interim=now.interim)
    painted = []
    cells = width - 11 - 6
    for index, name in enumerate(EMOTIONS):
        share = tuple(raw)[index] if raw else None
        mean = tuple(smoothed)[index] if smoothed else None
        painted.append(
            Content.assemble(
                (f"{name:<11}", f"${name}"),
                chart(share or 0.0, cells, _colour(name, faint=now.faint)),
                _share(share, faint=now.faint, interim=now.interim),
                " ",
            )
        )
        thin = bars.line(mean or 0.0, cells).ljust(cells)
        painted.append(
            Content.assemble((f"{'  smoothed':<11}", "$quiet"), (thin, f"${name} 70%"), (_number(mean), "$quiet"), " ")
        )
    return [*painted, Content.styled(" " * 11 + scale(cells), "$quiet")]


def scale(cells: int) -> str:
    """0, 25, 50, 75 and 100 % under a bar of so many cells."""
    text = [" "] * (cells + 4)
    for percent in (0, 25, 50, 75, 100):
        label = f"{percent}"
        at = round(cells * percent / 100) - (len(label) // 2 if percent else 0)
        text[at : at + len(label)] = label
    return "".join(text).rstrip() + " %"


def in_a_row(now: Now, width: int) -> Content:
    """All four bars on one line, with the smoothed values as marks; numbers alone where it is very narrow."""
    raw, smoothed = _shown(now)
    room = width // len(EMOTIONS)
    parts: list[Content] = []
    for index, name in enumerate(EMOTIONS):
        share = tuple(raw)[index] if raw else None
        mean = tuple(smoothed)[index] if smoothed else None
        label = next((text for text in (name, wording.SHORT[name]) if room >= len(text) + 16), name[0].upper())
        cells = room - len(label) - 7
        marked = None if mean is None else bars.mark(mean, cells)
        middle = track(share or 0.0, cells, _colour(name, faint=now.faint), marked) if cells > 1 else Content.empty()
        number, style = _share(share, faint=now.faint, interim=now.interim)
        number = number[1:] if cells > 1 else _number(share).strip(" %")
        gap = "  " if cells > 1 else " "
        label += gap[1:]
        parts.append(Content.assemble((label, f"${name}"), middle, (number, style), gap))
    return Content.empty().join(parts)


def _colour(name: str, *, faint: bool) -> str:
    return f"${name} {FAINT}" if faint else f"${name}"


def _share(share: float | None, *, faint: bool, interim: bool) -> tuple[str, str]:
    """The number of a bar and its style; one that will change has a tilde."""
    number = f"~{wording.percent(share)}%".rjust(5) if interim and share is not None else _number(share)
    return number, "$quiet" if share is None else "" if faint else "bold"


def _number(share: float | None) -> str:
    return f"{wording.NONE if share is None else wording.percent(share) + '%':>5}"
