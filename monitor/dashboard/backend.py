"""What stands behind the dashboard: the program itself, a recording, or a monitor elsewhere; what it can be asked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, get_args

from core.wire.commands import (
    Command,
    Note,
    Pause,
    Record,
    SetModel,
    SetReading,
    SetSmoothing,
    SetVad,
    SwitchSource,
)
from monitor.dashboard.state.playback import PlaybackFacts
from monitor.dashboard.state.view import Key
from monitor.export.session import Session

ALL_COMMANDS: frozenset[type[Command]] = frozenset(get_args(Command))
NEEDED: dict[str, type[Command]] = {
    "pause": Pause,
    "note": Note,
    "record": Record,
    "microphone": SwitchSource,
    "model": SetModel,
    "reading": SetReading,
    "sensitivity": SetVad,
    "smoothing": SetSmoothing,
}
"""Action of the dashboard to the command it gives; the others need none."""


class Playback(Protocol):
    """A replay's controls, called from the keys."""

    @property
    def facts(self) -> PlaybackFacts:
        """Where it is now."""

    @property
    def remark(self) -> str:
        """What there is to say about the file itself; empty: nothing."""

    def dismiss(self) -> None:
        """The remark was read."""

    def toggle(self) -> str:
        """Pauses or goes on; returns what to say."""

    def skip(self, seconds: float) -> str:
        """Goes so far on, back where negative; returns what to say."""

    def change_speed(self, steps: int) -> str:
        """Faster by so many steps, slower where negative; returns what to say."""

    def jump(self, row: Key) -> str:
        """Goes to where the sound of a row of the table begins; returns what to say."""

    def go_to(self, *, end: bool) -> str:
        """Goes to the end, or the beginning; returns what to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """What the dashboard shows; the default is the program itself, live."""

    commands: frozenset[type[Command]] = ALL_COMMANDS
    """What it can be asked."""
    refusal: str = ""
    """Why it cannot be asked the rest."""
    now: str = "live"
    """What the right end of the timeline is called."""
    playback: Playback | None = None
    remote: bool = False
    """Whether microphones are those of another machine, which can be named but not listed."""
    remark: Callable[[], str] = str
    """What is wrong between here and there; empty: nothing."""
    welcome: Callable[[], tuple[str, str]] | None = None
    """What stands in the place of streams while there are none; None: what is known of the program itself."""
    session: Callable[[], Session] | None = None
    """Reads all that there is to export, in a thread; None: what the dashboard was told of."""

    def can(self, action: str) -> bool:
        """Whether an action of the dashboard, as a key names it, means something here."""
        name = action.partition("(")[0].removeprefix("app.")
        if name.startswith("playback_"):
            return self.playback is not None
        return name not in NEEDED or NEEDED[name] in self.commands
