"""A note at this moment."""

from textual import on
from textual.app import ComposeResult
from textual.widgets import Input, Static

from core.wire.commands import Note
from monitor.dashboard.dialogs.dialog import Dialog

LONGEST = 500


class NoteDialog(Dialog):
    """One line of text; none is a mark."""

    TITLE = "note"
    KEYS = ("Enter marks this moment · Esc leaves it", "Enter marks · Esc leaves")

    def body(self) -> ComposeResult:
        """One line."""
        yield Static("It goes wherever the readings go. Nothing written: a mark.", id="about")
        yield Input(placeholder="what is happening", max_length=LONGEST, compact=True)

    @on(Input.Submitted)
    def _take(self, message: Input.Submitted) -> None:
        self.dismiss(Note(text=" ".join(message.value.split())))
