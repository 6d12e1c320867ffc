"""Paints the input level. Pure."""

from textual.content import Content

from monitor.dashboard.paint import bars, wording
from monitor.dashboard.paint.text import NARROW
from monitor.dashboard.state.level import FLOOR_DBFS, Level

NOISE = "┊"
"""Marks the noise floor on the level meter."""
WIDE = 100
"""From so many cells on, there is room for words beside the line."""


def meter(level: Level, width: int) -> Content:
    """The level meter: state in a word, line from -60 to 0 dBFS with its peak and the noise floor, and the number."""
    glyph, word = ("●", "speaking") if level.speaking else ("◐", "voice") if level.voiced else ("○", "quiet")
    style = "$voice" if level.speaking or level.voiced else "$quiet"
    word = f"{glyph} {word:<9}" if width >= NARROW else f"{glyph} "
    number = _loudness_words(level, width)
    cells = max(width - len(word) - len(number), 0)
    loud = bars.line(_loudness(level.rms_dbfs), cells)
    content = Content.assemble((loud, style), ("─" * (cells - len(loud)), "$edge"))
    peak = bars.mark(_loudness(level.peak_dbfs), cells) if level.peak_dbfs > FLOOR_DBFS else -1
    if len(loud) <= peak < cells:
        content = _with_sign(content, peak, "╸", "$warning" if level.clipping else style)
    if level.noise_floor_dbfs is not None and cells:
        content = _with_sign(content, bars.mark(_loudness(level.noise_floor_dbfs), cells), NOISE, "$mark")
    return Content.assemble((word, style), content, (number, "bold $warning" if level.clipping else "$quiet"))


def _loudness_words(level: Level, width: int) -> str:
    """The level in numbers, or that it is too loud."""
    if width < NARROW:
        number = "CLIP" if level.clipping else wording.decibels(level.rms_dbfs)
        return f"{number:>11} " if width >= NARROW // 2 else ""
    if level.clipping:
        number = "clipping: too loud" if width >= WIDE else "clipping"
    else:
        number = wording.decibels(level.rms_dbfs)
        if width >= WIDE and level.noise_floor_dbfs is not None:
            number += f", {NOISE} noise {wording.decibels(level.noise_floor_dbfs)}"
    return f"{number:>11} " if width < WIDE else f"  {number:>11} "


def _loudness(dbfs: float) -> float:
    """Place of a level on the meter, 0..1."""
    return min(max(1 - dbfs / FLOOR_DBFS, 0.0), 1.0)


def _with_sign(content: Content, cell: int, sign: str, style: str) -> Content:
    return Content.assemble(content[:cell], (sign, style), content[cell + 1 :])
