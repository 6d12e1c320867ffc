"""Colours for terminals of 256 or 16 of them: each the one that looks most alike, so that hues keep their meaning.

Left to itself, the terminal library rounds red, green and blue one by one, by which a pale anger turns olive and a pale
happiness red.
"""

import functools
import math
from typing import TypeAlias

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color, rgb_to_lab
from textual.filter import LineFilter

FEW = ("256", "standard")
"""What rich calls the terminals that have few."""
ANSI = 16
"""So many colours every terminal has. Its user may have changed them: with 256, only the others are sure."""
GREY_CHROMA = 15.0
"""With 16, which are all far more colourful than ours, what has less is grey."""
LIGHTNESS_SHARE = 0.5
"""With 16, how much lightness counts beside hue."""

Lab: TypeAlias = tuple[float, float, float]


class FewColours(LineFilter):
    """One of Textual's last steps before a line goes out.

    Args:
        system: One of FEW.
    """

    def __init__(self, system: str) -> None:
        super().__init__()
        self._system = system

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's
        """The segments in colours that the terminal has."""
        return [
            Segment(text, _restyled(style, self._system) if style else style, control)
            for text, style, control in segments
        ]


@functools.lru_cache(maxsize=4096)
def _restyled(style: Style, system: str) -> Style:
    return style + Style(color=_like(style.color, system), bgcolor=_like(style.bgcolor, system))


def _like(colour: RichColor | None, system: str) -> RichColor | None:
    """A colour of the terminal in place of one that it may not have."""
    if colour is None or colour.triplet is None:
        return colour
    return RichColor.from_ansi(nearest(*colour.triplet, system))


@functools.lru_cache(maxsize=4096)
def nearest(red: int, green: int, blue: int, system: str) -> int:
    """The number of the terminal's colour that is most like this one."""
    wanted = _lab(red, green, blue)
    if system == "256":
        return min(range(ANSI, 256), key=lambda number: math.dist(_known(number), wanted))
    grey = _chroma(wanted) < GREY_CHROMA
    alike = [number for number in range(ANSI) if (_chroma(_known(number)) < GREY_CHROMA) is grey]
    return min(alike, key=lambda number: _unlike(_known(number), wanted, grey=grey))


def _unlike(known: Lab, wanted: Lab, *, grey: bool) -> float:
    """How far two colours are apart in hue, in degrees, and in lightness; two greys in lightness only."""
    lightness = abs(known[0] - wanted[0]) * LIGHTNESS_SHARE
    turn = math.degrees(math.atan2(known[2], known[1]) - math.atan2(wanted[2], wanted[1]))
    return lightness if grey else lightness + abs((turn + 180) % 360 - 180)


@functools.cache
def _known(number: int) -> Lab:
    return _lab(*of_number(number))


def of_number(number: int) -> tuple[int, int, int]:
    """Red, green and blue of a terminal's colour; the first ANSI are those of the VGA, and differ between terminals."""
    if number >= ANSI:
        return RichColor.from_ansi(number).get_truecolor()
    red, green, blue = (170 * (number >> bit & 1) + 85 * (number >> 3) for bit in range(3))
    return red, green, blue


def _lab(red: int, green: int, blue: int) -> Lab:
    lab = rgb_to_lab(Color(red, green, blue))
    return lab.L, lab.a, lab.b


def _chroma(lab: Lab) -> float:
    return math.hypot(lab[1], lab[2])
