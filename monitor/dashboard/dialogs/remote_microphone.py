"""Which microphone of another machine is listened to."""

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, Static

from core.wire.commands import SwitchSource
from monitor.dashboard.dialogs.dialog import Dialog
from monitor.dashboard.state.view_model import DashboardState, Stream

LONGEST = 252


class RemoteMicrophoneDialog(Dialog):
    """A name, since a monitor elsewhere does not list its microphones; nothing written is the default one."""

    TITLE = "listen to"

    def __init__(self, state: DashboardState, stream: Stream | None) -> None:
        super().__init__(state)
        self._stream = stream

    def body(self) -> ComposeResult:
        """What is listened to now, and a line to write in."""
        now = self._stream.source if self._stream else "nothing"
        yield Static(Content(f"Now: {now}. `emotion-monitor devices` there lists its microphones."), id="about")
        yield Input(placeholder="its name; nothing: the default one", max_length=LONGEST, compact=True)

    @on(Input.Submitted)
    def _take(self, message: Input.Submitted) -> None:
        name = " ".join(message.value.split())
        source = f"mic:{name}" if name else "mic"
        self.dismiss(SwitchSource(source=source, stream=self._stream.stream if self._stream else None))
