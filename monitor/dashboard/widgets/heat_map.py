"""The token view: how the emotion words stood at each token of the model's answer."""

import math
from typing import ClassVar

from textual.binding import BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from core.distribution import EMOTIONS
from core.wire.events import TokensEvent, TokenStep
from monitor.dashboard import keys
from monitor.dashboard.paint import wording
from monitor.dashboard.paint.text import NARROW, fitting, lines, printable

FAINTEST = -10.0
"""A log-probability from here down has no colour."""
DARK = 0.55
"""From this strength on, the number stands out in the background's colour."""
FEW_DIGITS = -99.0
"""A log-probability from here down has no decimals: it would not fit its cell."""
MIN_CELL, MAX_CELL = 6, 12


def strength(log_probability: float) -> float:
    """How strong the colour of a cell is, 0..1."""
    return min(max(1 - log_probability / FAINTEST, 0.0), 1.0) if math.isfinite(log_probability) else 0.0


def heat_map(event: TokensEvent, step: int, band: int, *, focused: bool, width: int) -> Content:
    """The steps around the chosen one, as many as fit.

    Args:
        event: What is shown.
        step: Place of the chosen token.
        band: Index of the chosen emotion.
        focused: Whether keys move the cursor.
        width: Cells.
    """
    label_width = 2 if width < NARROW else 11
    widths = [min(max(len(_token(s)) + 1, MIN_CELL), MAX_CELL) for s in event.steps]
    first, last = _in_sight(widths, step, width - label_width)
    more = ("◂" if first else " ") if label_width > 1 else ""
    head: list[Content | tuple[str, str]] = [(f"{'':{label_width - 1}}{more}", "$quiet")]
    for place in range(first, last):
        text = _token(event.steps[place])[: widths[place] - 1]
        look = "underline bold" if event.steps[place].emotion_word else ""
        head += [
            (" " * (widths[place] - len(text)), ""),
            (text, look if event.steps[place].token.strip() else "$quiet"),
        ]
    if last < len(event.steps):
        head.append((" ▸", "$quiet"))
    rows = [Content.assemble(*head)]
    for index, emotion in enumerate(EMOTIONS):
        label = f"{emotion[0].upper() if label_width < NARROW // 4 else emotion:<{label_width}}"
        cells: list[Content | tuple[str, str]] = [(label, f"${emotion}")]
        for place in range(first, last):
            value = event.steps[place].log_probabilities.get(emotion, -math.inf)  # type: ignore[call-overload]
            chosen = place == step and index == band
            cells.append(_cell(value, emotion, widths[place], chosen=chosen, focused=focused))
        rows.append(Content.assemble(*cells))
    words = in_words(event, step, band)
    caption = fitting(width, (f"{words} · stronger colour: likelier", words))
    return lines(*rows, Content.styled(caption, "" if focused else "$quiet"))


def in_words(event: TokensEvent, step: int, band: int) -> str:
    """One cell in words."""
    emotion = EMOTIONS[band]
    value = event.steps[step].log_probabilities.get(emotion, -math.inf)  # type: ignore[call-overload]
    token = _token(event.steps[step])
    share = f"{math.exp(min(value, 0.0)) * 100:.2g}%"
    return f"{step + 1}/{len(event.steps)} {token}: {emotion} {share}, log {_number(value)}"


class HeatMap(Widget, can_focus=True):
    """Tokens from left to right, emotions from top to bottom; arrow keys go from cell to cell when it has focus."""

    BINDINGS: ClassVar[list[BindingType]] = [*keys.TOKENS]

    step: reactive[int] = reactive(0)
    band: reactive[int] = reactive(0)

    def __init__(self) -> None:
        super().__init__(id="heat-map")
        self._event: TokensEvent | None = None

    def show(self, event: TokensEvent | None) -> None:
        """Shows another answer; the cursor starts at its likeliest emotion word."""
        if event == self._event:
            return
        self._event = event
        self.display = event is not None and bool(event.steps)
        if event and event.steps:
            words = [place for place, step in enumerate(event.steps) if step.emotion_word]
            self.step = words[0] if words else 0
            values = [event.steps[self.step].log_probabilities.get(name, -math.inf) for name in EMOTIONS]  # type: ignore[call-overload]
            self.band = max(range(len(EMOTIONS)), key=values.__getitem__)
        elif self.has_focus:
            self.blur()
        self.refresh()

    def render(self) -> Content:
        """What is on screen."""
        if self._event is None or not self._event.steps:
            return Content.empty()
        focused = self.has_focus
        return printable(heat_map(self._event, self.step, self.band, focused=focused, width=self.size.width))

    def on_focus(self) -> None:
        """The cursor shows."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor is faint."""
        self.refresh()

    def action_move(self, steps: int, bands: int) -> None:
        """Goes to another cell."""
        if self._event:
            self.step = min(max(self.step + steps, 0), len(self._event.steps) - 1)
            self.band = min(max(self.band + bands, 0), len(EMOTIONS) - 1)

    def action_leave(self) -> None:
        """Gives the arrow keys back."""
        self.blur()


def _in_sight(widths: list[int], step: int, room: int) -> tuple[int, int]:
    """First and last place shown: from the start, else so that the chosen one is the last."""
    first = 0
    while first < step and sum(widths[first : step + 1]) > room - 2:
        first += 1
    last = first
    while last < len(widths) and (last == step or sum(widths[first : last + 1]) <= room - 2):
        last += 1
    return first, last


def _token(step: TokenStep) -> str:
    return " ".join(step.token.split()) or ("answer" if not step.token else "␣")


def _number(value: float) -> str:
    if not math.isfinite(value):
        return f"{wording.MINUS}∞"
    return f"{value:.{1 if value > FEW_DIGITS else 0}f}".replace("-", wording.MINUS)


def _cell(value: float, emotion: str, width: int, *, chosen: bool, focused: bool) -> Content:
    strong = strength(value)
    number = _number(value)
    blank = " " * (width - 1 - len(number))
    ink = "$background" if strong >= DARK else "$foreground"
    look = f"{ink} on ${emotion} {strong * 100:.0f}%" if strong else "$quiet"
    if not chosen:
        return Content.assemble(" ", (blank + number, look))
    gap, blank = (" ", f"{blank[:-1]}▸") if blank else ("▸", "")
    return Content.assemble((gap, "bold"), (blank + number, f"bold {'reverse ' if focused else ''}{look}"))
