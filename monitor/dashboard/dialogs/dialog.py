"""What all dialogs have in common: a frame with a title, keys in its lower edge, and a way out."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from core.wire.commands import Command
from monitor.dashboard import keys
from monitor.dashboard.paint.text import fitting, printable
from monitor.dashboard.state.view_model import DashboardState


class Asked(Message):
    """A command that is given while the dialog stays open."""

    def __init__(self, command: Command) -> None:
        super().__init__()
        self.command = command


class Dialog(ModalScreen[Command | None]):
    """A frame around what `body` yields; dismissed with the command that was chosen, or with None."""

    TITLE: ClassVar[str | None] = ""
    KEYS: ClassVar[tuple[str, ...]] = ("Enter takes it · Esc leaves it", "Esc leaves it")
    """What is said in the lower edge: the longest that fits, else Esc alone."""
    BINDINGS: ClassVar[list[BindingType]] = [*keys.DIALOG]

    def __init__(self, state: DashboardState) -> None:
        super().__init__()
        self.state = state

    def compose(self) -> ComposeResult:
        """The frame and what is in it."""
        with VerticalScroll(id="dialog", can_focus=False):
            yield from self.body()

    def body(self) -> ComposeResult:
        """What is in the frame."""
        yield from ()

    def show(self, state: DashboardState) -> None:
        """Shows what became known since."""
        self.state = state

    def on_mount(self) -> None:
        """Writes the title."""
        self._frame.border_title = printable(Content(self.TITLE or ""))

    def on_resize(self) -> None:
        """Fits the keys into the frame."""
        room = self.size.width - 6
        self._frame.border_subtitle = fitting(room, (*self.KEYS, "Esc"))

    def action_leave(self) -> None:
        """Closes without a command."""
        self.dismiss(None)

    def complain(self, text: str) -> None:
        """Says in the frame what is wrong with an entry."""
        self.query_one("#complaint", Static).update(Content.styled(text, "$error"))

    @property
    def _frame(self) -> Widget:
        return self.query_one("#dialog")
