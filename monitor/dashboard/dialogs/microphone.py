"""Which microphone is listened to."""

from collections import Counter
from collections.abc import Callable, Sequence

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from core.errors import EmotionMonitorError
from core.wire.commands import SwitchSource
from monitor.dashboard.dialogs.choices import Choice, Choices, Group
from monitor.dashboard.dialogs.dialog import Dialog
from monitor.dashboard.state.view_model import DashboardState, Stream
from monitor.sources.portaudio import Microphone, in_thread


class MicrophoneDialog(Dialog):
    """The microphones of this machine, as soon as they are known.

    Args:
        state: What is known.
        stream: The stream whose source is to be replaced; None: there is none yet.
        find: Lists the microphones; called in a thread, for a sound server may take its time.
    """

    TITLE = "listen to"

    def __init__(self, state: DashboardState, stream: Stream | None, find: Callable[[], Sequence[Microphone]]) -> None:
        super().__init__(state)
        self._stream, self._find = stream, find

    def body(self) -> ComposeResult:
        """What is being done, and the list."""
        yield Static("Looking for microphones", id="about")
        yield Choices()

    def on_mount(self) -> None:
        """Looks for microphones without holding up the dashboard."""
        self.query_one(Choices).focus()
        self.run_worker(self._look())

    async def _look(self) -> None:
        try:
            microphones = await in_thread(self._find)
        except EmotionMonitorError as error:
            self.query_one("#about", Static).update(Content.styled(error.one_line(), "$error"))
            return
        about = self.query_one("#about", Static)
        if not microphones:
            about.update(Content("There is no microphone: connect one, and start the program again."))
            return
        now = self._stream.source if self._stream else "nothing"
        about.update(Content(f"Now: {now}. Another one is a stream of its own, with a clock that begins at 0:00."))
        self.query_one(Choices).fill([Group("microphone", _choices(microphones), now)])

    @on(Choices.Taken)
    def _take(self, message: Choices.Taken) -> None:
        source = message.chosen.get("microphone")
        if source is None:
            self.dismiss(None)
            return
        several = len(self.state.going) > 1
        self.dismiss(SwitchSource(source=source, stream=self._stream.stream if self._stream and several else None))


def _choices(microphones: Sequence[Microphone]) -> tuple[Choice, ...]:
    """The default one first; names that are not unique are told apart by their host API."""
    times = Counter(microphone.name for microphone in microphones)
    named = [m.name if times[m.name] == 1 else m.label for m in microphones]
    default = next((name for name, microphone in zip(named, microphones, strict=True) if microphone.is_default), None)
    first = (Choice("mic", "the default microphone", f"now {default}"),) if default else ()
    return (
        *first,
        *(
            Choice(f"mic:{name}", name, m.host_api if name == m.name else "")
            for name, m in zip(named, microphones, strict=True)
        ),
    )
