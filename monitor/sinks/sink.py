"""What the pipeline asks of everything that consumes events."""

from types import TracebackType
from typing import Protocol, Self

from core.wire.events import Event
from core.wire.health import SinkHealth


class Sink(Protocol):
    """A consumer of events with a bounded queue and a task of its own.

    A slow or dead consumer never stalls the pipeline: `send` queues and returns, and a full queue loses its oldest
    event and counts it. The one exception is asked for by name: a sink made with `lossless=True` lets `send` wait
    for room while its consumer is slow (not when it is gone), for sources that can wait themselves.

    Entering starts the task and raises UsageError when the sink can never work as configured; what may heal, such as
    a broker that is not up yet, is a degraded state instead. Leaving delivers what is queued, for a bounded time, and
    counts the rest as dropped.
    """

    @property
    def name(self) -> str:
        """Short and unique among the sinks of a run: `mqtt`, `jsonl`, `jsonl:PATH`."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    async def send(self, event: Event) -> None:
        """Takes an event, or ignores one that this sink does not carry; never raises for a failing consumer."""

    def hurry(self) -> None:
        """The user is stopping the program: from now on nothing waits for a slow consumer longer than a moment."""

    def health(self) -> SinkHealth:
        """State, a short text for people, what waits and what was lost."""


class FailedSink:
    """Stands in for a sink that could not be started, so that the failure stays visible while the program goes on."""

    def __init__(self, name: str, detail: str) -> None:
        self.name = name
        self._detail = detail

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, event: Event) -> None:
        """Ignores the event."""

    def hurry(self) -> None:
        """Has nothing to finish."""

    def health(self) -> SinkHealth:
        """Degraded, with the reason."""
        return SinkHealth(name=self.name, state="degraded", detail=self._detail, queued=0, dropped=0)
