"""Where events leave the pipeline: to every sink, and failures to the log too."""

import logging
import time
from collections.abc import Iterable, Sequence

from core.errors import EmotionMonitorError
from core.wire.events import ErrorEvent, Event
from core.wire.health import SinkHealth
from core.wire.values import timestamp
from monitor.sinks.sink import Sink

log = logging.getLogger(__name__)


class Outlet:
    """The sinks of a run.

    Args:
        sinks: Those at the moment; some may come and go.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks

    async def send(self, events: Iterable[Event]) -> None:
        """Hands events to every sink, in order."""
        for event in events:
            for sink in tuple(self._sinks):
                await sink.send(event)

    async def report(self, where: str, error: EmotionMonitorError, *, stream: str | None = None) -> None:
        """Tells of a failure; `where` and `stream` as in ErrorEvent."""
        log.warning("%s: %s", where, error.one_line())
        await self.tell(where, error, stream=stream)

    async def tell(self, where: str, error: EmotionMonitorError, *, stream: str | None = None) -> None:
        """The same, of what is in the log already."""
        at = timestamp(time.time())
        await self.send([ErrorEvent(at=at, where=where, message=str(error), hint=error.hint, stream=stream)])

    def hurry(self) -> None:
        """The user is stopping the program."""
        for sink in self._sinks:
            sink.hurry()

    def health(self) -> tuple[SinkHealth, ...]:
        """That of each sink."""
        return tuple(sink.health() for sink in self._sinks)

    @property
    def is_closed(self) -> bool:
        """Whether nobody is left to listen."""
        return all(sink.state == "closed" for sink in self.health())
