"""The pipeline at play: a source made of samples, a sink that remembers, and settings with the fake model."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from core.errors import AudioError
from core.settings import Settings
from core.sound.audio import read_audio
from core.wire.events import (
    Event,
    UtteranceEvent,
)
from core.wire.health import HealthEvent, SinkHealth
from monitor.pipeline import Pipeline
from monitor.sources.opening import SAMPLE
from monitor.sources.source import AudioBlock
from tests.patience import PATIENCE_S

BLOCK = 4800
SPEECH = read_audio(SAMPLE, max_s=None)[: 16_000 * 30]
IN_SPEECH = 5


class Clip:
    """A source made of samples; a paced one gives a block each time `step` is called, another gives all it can."""

    def __init__(
        self,
        *,
        realtime: bool,
        name: str = "clip",
        samples=SPEECH,
        fails_at: int | None = None,
        opens: bool = True,
        failure: Exception | None = None,
    ) -> None:
        self.name = name
        self.label: str | None = None
        self.is_open = False
        self._opens = opens
        self.realtime = realtime
        self.notices: list[str] = []
        self.taken = 0
        self._samples = samples
        self._fails_at = fails_at
        self._failure = failure or AudioError("the clip is torn")

    async def __aenter__(self):
        if not self._opens:
            msg = "the clip is locked"
            raise AudioError(msg)
        self.is_open = True
        return self

    async def __aexit__(self, *_):
        self.is_open = False

    def hold(self, *, held: bool) -> bool:  # noqa: ARG002 - see `Source`
        return not self.realtime

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        for start in range(0, len(self._samples), BLOCK):
            if self._fails_at is not None and start >= self._fails_at:
                raise self._failure
            await asyncio.sleep(0.002 if self.realtime else 0)
            yield AudioBlock(self._samples[start : start + BLOCK])
            self.taken += 1


@dataclass
class Memory:
    """A sink that remembers; it can be made to block, as a reader that has stopped reading."""

    name: str = "memory"
    events: list[Event] = field(default_factory=list)
    blocked: bool = False
    hurried: asyncio.Event = field(default_factory=asyncio.Event)
    state: str = "ok"

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def send(self, event: Event) -> None:
        if self.blocked and isinstance(event, UtteranceEvent):
            await self.hurried.wait()
        self.events.append(event)

    def hurry(self) -> None:
        self.hurried.set()

    def health(self) -> SinkHealth:
        return SinkHealth(name=self.name, state=self.state, detail="", queued=0, dropped=0)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def last(self):
        return self.of(HealthEvent)[-1].streams[0]


def settings(model="fake", **worker) -> Settings:
    plain = Settings()
    return replace(plain, model=replace(plain.model, name=model), worker=replace(plain.worker, **worker))


@asynccontextmanager
async def playing(pipeline: Pipeline):
    run = asyncio.create_task(pipeline.run())
    try:
        yield run
    finally:
        pipeline.stop()
        async with asyncio.timeout(PATIENCE_S):
            await run
