"""The screen with all that is known of one utterance."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen

from core.wire.events import LatencyMs
from monitor.dashboard import keys
from monitor.dashboard.paint import details as painters
from monitor.dashboard.paint.text import fitting, line, printable
from monitor.dashboard.state.rows import Row
from monitor.dashboard.state.view_model import DashboardState
from monitor.dashboard.widgets.heat_map import HeatMap
from monitor.dashboard.widgets.painted import Block

BESIDE = 100
"""From this width on, the two halves stand side by side."""
KEYS = ("Esc closes · ←→ older, newer · Tab tokens", "Esc closes · ←→ older, newer", "Esc closes", "Esc")
REPLAY_KEYS = ("Esc closes · ←→ older, newer · g plays from here · Tab tokens", *KEYS)
TOKEN_KEYS = ("Esc closes · arrows: from token to token · Tab back", "Esc closes · Tab back", "Esc closes", "Esc")


class DetailsScreen(ModalScreen[bool]):
    """When, where and how an utterance was read: distributions, latency, read-outs, and the answer token by token.

    Dismissed with True where a replay is to be played from its start.

    Args:
        turn: Chooses the row `up` or `down` of this one, and shows it.
        plays: Whether it is one of a replay.
    """

    HORIZONTAL_BREAKPOINTS = [(0, "-stacked"), (BESIDE, "-beside")]  # noqa: RUF012 - declared by Textual
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*keys.DETAILS]

    class Explain(Message):
        """Someone wants the model to write its answers."""

    def __init__(self, turn: Callable[[str], None], *, plays: bool = False) -> None:
        super().__init__()
        self._turn, self._plays = turn, plays
        self._account: painters.Account | None = None
        self._plain = False

    def show(self, state: DashboardState, row: Row | None, *, plain: bool) -> None:
        """Shows a row, or what became known of it since; `plain`: in letters, without colour."""
        known = painters.account(state, row) if row else None
        if (known, plain) != (self._account, self._plain):
            self._account, self._plain = known, plain
            if self.is_mounted:
                self._paint()

    def compose(self) -> ComposeResult:
        """Two halves on one page that scrolls."""
        with VerticalScroll(id="details", can_focus=False), Container(id="details-halves"):
            with Container(classes="half"):
                yield Block(id="details-facts")
                yield Block(id="details-heard")
                yield Block(id="details-latency")
            with Container(classes="half"):
                yield Block(id="details-readouts")
                yield Block(id="details-answer")
                yield HeatMap()
                yield Block(id="details-transcript")

    def on_mount(self) -> None:
        """Shows what is known."""
        self._paint()

    def on_resize(self) -> None:
        """Fits the keys into the frame."""
        self._frame()

    def on_descendant_focus(self) -> None:
        """The arrow keys are those of the tokens."""
        self._frame()

    def on_descendant_blur(self) -> None:
        """They are those of the page again."""
        self._frame()

    def _paint(self) -> None:
        known = self._account
        if known is None:
            return
        spent = known.reading.latency_ms if known.reading else None
        for name, painter in (
            ("facts", painters.facts),
            ("heard", painters.heard),
            ("answer", painters.answer),
            ("transcript", painters.transcript),
        ):
            self.query_one(f"#details-{name}", Block).show(painter, known)
        latency = self.query_one("#details-latency", Block)
        if spent:
            latency.show(_latency_plain if self._plain else painters.latency, spent)
        else:
            latency.show(line, "", "")
        self.query_one("#details-readouts", Block).show(_readouts_plain if self._plain else painters.readouts, known)
        self.query_one(HeatMap).show(known.tokens)
        self._frame()

    def _frame(self) -> None:
        page = self.query_one("#details", VerticalScroll)
        page.border_title = printable(Content(self._account.title if self._account else ""))
        room = self.size.width - 6
        keys_here = TOKEN_KEYS if self.query_one(HeatMap).has_focus else REPLAY_KEYS if self._plays else KEYS
        page.border_subtitle = fitting(room, keys_here)

    def action_turn(self, where: str) -> None:
        """Goes to the utterance before or after."""
        self._turn(where)

    def action_scroll(self, lines: int) -> None:
        """Scrolls the page."""
        self.query_one("#details", VerticalScroll).scroll_relative(y=lines, animate=False)

    def action_jump(self) -> None:
        """Closes, and plays the replay from the start of what is shown."""
        if self._plays:
            self.dismiss(True)  # noqa: FBT003 - a screen's result

    def action_explain(self) -> None:
        """Asks for written answers."""
        self.post_message(self.Explain())


def _latency_plain(spent: LatencyMs, width: int) -> Content:
    return painters.latency(spent, width, plain=True)


def _readouts_plain(known: painters.Account, width: int) -> Content:
    return painters.readouts(known, width, plain=True)
