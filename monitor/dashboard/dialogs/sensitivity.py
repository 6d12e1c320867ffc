"""What counts as speech, tried live."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import OptionList

from core.wire.commands import SetVad
from monitor.dashboard import keys
from monitor.dashboard.dialogs.choices import Choice, Choices, Group
from monitor.dashboard.dialogs.dialog import Asked, Dialog
from monitor.dashboard.paint.text import lines
from monitor.dashboard.state.view_model import DashboardState
from monitor.dashboard.widgets.painted import Painted

MODES = (
    Choice("0", "0 most open", "quiet and distant speech too, and some noise"),
    Choice("1", "1 open", "most speech, little noise"),
    Choice("2", "2 careful", "clear speech; the usual choice"),
    Choice("3", "3 strict", "only what is speech for sure: for noisy rooms"),
)
SHOWN_S = 5.0
"""How far back the effect is shown."""
STREAMS = 3
"""As many streams fit."""
VOICED, UNVOICED = "█", "▁"

Seen = tuple[tuple[str, tuple[bool, ...]], ...]
"""Source and whether its frames were voiced, for each stream."""


class SensitivityDialog(Dialog):
    """The four modes of voice activity detection; moving to one tries it at once, escape goes back."""

    TITLE = "what counts as speech"
    KEYS = ("↑↓ or 0-3 try it · Enter keeps it · Esc puts it back", "Enter keeps · Esc puts back", "Esc puts back")
    BINDINGS: ClassVar[list[BindingType]] = [*keys.SENSITIVITY]

    def __init__(self, state: DashboardState) -> None:
        super().__init__(state)
        tuning = state.health.tuning if state.health else None
        self._before = tuning.vad_mode if tuning else None
        self._tried = self._before or 0

    def body(self) -> ComposeResult:
        """The modes, and below what the present one does."""
        yield Choices([Group("mode", MODES, None if self._before is None else str(self._before))])
        yield Painted(id="effect")

    def on_mount(self) -> None:
        """Shows the last seconds."""
        self._paint()

    def show(self, state: DashboardState) -> None:
        """Shows what became voiced since."""
        self.state = state
        if self.is_mounted:
            self._paint()

    def _paint(self) -> None:
        seen = tuple((stream.label, stream.voicing.last(SHOWN_S)) for stream in self.state.streams[:STREAMS])
        effect = self.query_one("#effect", Painted)
        effect.styles.height = max(3 * len(seen), 1)
        effect.show(effect_lines, seen)

    def action_try_mode(self, mode: int) -> None:
        """Goes to a mode by its number."""
        self.query_one(Choices).highlighted = mode

    def action_leave(self) -> None:
        """Puts the mode back that was there before."""
        if self._before is not None and self._tried != self._before:
            self.post_message(Asked(SetVad(mode=self._before)))
        self.dismiss(None)

    @on(OptionList.OptionHighlighted)
    def _try(self, message: OptionList.OptionHighlighted) -> None:
        mode = message.option_index
        if mode != self._tried:
            self._tried = mode
            self.query_one(Choices).mark()
            self.post_message(Asked(SetVad(mode=mode)))

    @on(Choices.Taken)
    def _take(self) -> None:
        self.dismiss(SetVad(mode=self._tried) if self._before is None else None)


def effect_lines(seen: Seen, width: int) -> Content:
    """How much of the last seconds counted as speech, a stream below the other, newest on the right."""
    parts: list[Content] = []
    for source, looks in seen:
        if looks:
            share = f"{sum(looks) / len(looks) * 100:.0f}% of the last {SHOWN_S:.0f} s"
            head = f"{share} counts as speech: {source}"
        else:
            head = f"no sound yet: {source}"
        shown = looks[-max(width, 0) :]
        strip = Content.assemble(*((VOICED, "$voice") if voiced else (UNVOICED, "$quiet") for voiced in shown))
        parts += [Content.empty(), Content(head), strip]
    return lines(*parts) if parts else Content.styled("No stream is listening.", "$quiet")
