"""The dashboard as a sink of the pipeline."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

from core.wire.events import Event
from core.wire.health import SinkHealth

if TYPE_CHECKING:
    from monitor.dashboard.app import DashboardApp


class DashboardSink:
    """Gives every event to a dashboard.

    It does not own the app: leaving the context leaves the last readings on screen until the user quits.
    """

    def __init__(self, app: "DashboardApp") -> None:
        self.name = "dashboard"
        self._app = app
        self._open = False

    async def send(self, event: Event) -> None:
        """Shows one event; never waits."""
        self._app.post_event(event)

    def hurry(self) -> None:
        """Nothing ever waits here."""

    def health(self) -> SinkHealth:
        """Whether the screen is there; nothing ever waits or is dropped here."""
        return SinkHealth(
            name=self.name, state="ok" if self._open else "closed", detail="this terminal", queued=0, dropped=0
        )

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
