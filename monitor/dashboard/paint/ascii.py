"""ASCII mode: whatever the painters, widgets and borders draw, only ASCII goes to the terminal, cell for cell."""

# ruff: noqa: RUF001 - signs that look like ASCII are what this is about

import functools
import unicodedata

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

SIGNS = {
    **dict.fromkeys("█▉▊▋▌▐▅▆▇▓▒▀▄", "#"),
    **dict.fromkeys("▏▎▍▁▂▃░", "."),
    **dict.fromkeys("━╸╺═╍", "="),
    **dict.fromkeys("─╌┄┈–—−▔·", "-"),
    **dict.fromkeys("│┃╵╷▕║", "|"),
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╔╗╚╝", "+"),
    **dict.fromkeys("●◉⏺■", "*"),
    **dict.fromkeys("○◯□", "o"),
    **dict.fromkeys("▸▶►→", ">"),
    **dict.fromkeys("◂◀◄←", "<"),
    **dict.fromkeys("▲▴↑", "^"),
    **dict.fromkeys("▼▾↓", "v"),
    **dict.fromkeys("×╳✕", "x"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("╎┆┊", ":"),
    "◐": "O",
    "•": "*",
    "…": "~",
    "🔎": " >",
    "⏎": "E",
    "⌫": "<",
    "␣": "_",
    "°": "o",
    "∞": "8",
    "✓": "+",
    "\N{NO-BREAK SPACE}": " ",
}
"""What stands for a sign; other letters lose their accents, and the rest is a question mark."""


@functools.lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """The text in ASCII, as many cells wide as before."""
    return text if text.isascii() else "".join(map(_sign, text))


@functools.lru_cache(maxsize=1024)
def _sign(char: str) -> str:
    if char.isascii():
        return char
    if char in SIGNS:
        return SIGNS[char]
    width = cell_len(char)
    letters = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return letters if letters and len(letters) == width else "?" * width


class AsciiFilter(LineFilter):
    """Textual's last step before a line goes out."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002 - Textual's
        """The segments with the same styles in ASCII."""
        return [Segment(plain(text), style, control) for text, style, control in segments]
