"""The screen that says whether all is well: what is wrong first, and what to do; then every part in numbers."""

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.screen import ModalScreen

from monitor.dashboard import keys
from monitor.dashboard.paint import health as painters
from monitor.dashboard.paint.health import Checkup
from monitor.dashboard.paint.text import fitting
from monitor.dashboard.widgets.painted import Block

BESIDE = 110
"""From this width on, the two halves stand side by side."""
EVERY_S = 0.5
"""Least time between two paintings when nothing but the sound went on: the main screen has the lively meter."""
SECTIONS = (
    painters.summary,
    painters.sound,
    painters.model,
    painters.not_read,
    painters.latency,
    painters.outputs,
    painters.program,
)
KEYS = ("Esc closes · ↑↓ scroll", "Esc closes", "Esc", "")


class HealthScreen(ModalScreen[None]):
    """Live for as long as it is open."""

    HORIZONTAL_BREAKPOINTS = [(0, "-stacked"), (BESIDE, "-beside")]  # noqa: RUF012 - declared by Textual
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*keys.HEALTH]

    def __init__(self) -> None:
        super().__init__()
        self._known: Checkup | None = None
        self._painted_s = 0.0

    def show(self, known: Checkup) -> None:
        """Shows how everything is doing: news at once, the level of the sound a little later."""
        before, self._known = self._known, known
        news = before is None or before.state.health is not known.state.health or before.found != known.found
        if self.is_mounted and (news or time.monotonic() - self._painted_s >= EVERY_S):
            self._paint()

    def compose(self) -> ComposeResult:
        """What is wrong across the page; below it two halves."""
        with VerticalScroll(id="health-page", can_focus=False):
            yield Block(id="health-summary")
            with Container(id="health-halves"):
                with Container(classes="half"):
                    yield Block(id="health-sound", classes="section")
                    yield Block(id="health-model", classes="section")
                    yield Block(id="health-not_read", classes="section")
                with Container(classes="half"):
                    yield Block(id="health-latency", classes="section")
                    yield Block(id="health-outputs", classes="section")
                    yield Block(id="health-program", classes="section")

    def on_mount(self) -> None:
        """Shows what is known."""
        self.query_one("#health-page").border_title = "health"
        self._paint()

    def on_resize(self) -> None:
        """Fits the keys into the frame."""
        room = self.size.width - 6
        self.query_one("#health-page").border_subtitle = fitting(room, KEYS)

    def _paint(self) -> None:
        if self._known is None:
            return
        self._painted_s = time.monotonic()
        for painter in SECTIONS:
            self.query_one(f"#health-{painter.__name__}", Block).show(painter, self._known)

    def action_scroll(self, lines: int) -> None:
        """Scrolls the page."""
        self.query_one("#health-page", VerticalScroll).scroll_relative(y=lines, animate=False)
