"""From sources to the intake: each source is a stream of its own, and they come and go while others are listened to.

A microphone that vanishes and comes back is the same stream, with a gap.
"""

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, suppress

from core.errors import AudioError, EmotionMonitorError, UsageError
from core.settings import Settings
from core.wire.commands import SwitchSource
from core.wire.health import StreamHealth, Tuning
from core.worker.queue import DroppedJob
from monitor.clock import WallClock
from monitor.intake import Intake
from monitor.label import labelled
from monitor.outlet import Outlet
from monitor.sources.naming import check_names
from monitor.sources.source import Source
from monitor.stream import Pushed, Stream
from monitor.vitals import account

log = logging.getLogger(__name__)

SWITCH_S = 5.0
"""Time given to a source that is switched to until it gives sound."""
SHUTDOWN = "shutdown"
"""Reason of a drop: the program was stopped before the utterance was read."""


class Listening:
    """All streams, those that have ended included.

    Args:
        settings: All settings.
        sources: Not yet opened.
        tuning: As it is at first.
        intake: Takes utterances.
        outlet: Takes events.
        open_source: Finds a microphone by its name, as in settings; None: none can be switched to.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Sequence[Source],
        *,
        tuning: Tuning,
        intake: Intake,
        outlet: Outlet,
        open_source: Callable[[str], Awaitable[Source]] | None = None,
    ) -> None:
        self._settings = settings
        self._tuning = tuning
        self._intake = intake
        self._outlet = outlet
        self._open_source = open_source
        self._run = uuid.uuid4().hex[:8]
        self._added = 0
        self._sources: dict[str, Source] = {}
        self._streams: dict[str, Stream] = {}
        self._listeners: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, EmotionMonitorError] = {}
        self._switching = asyncio.Lock()
        self._clock = WallClock(time.monotonic)  # like sound, it stands still while the machine sleeps
        self._going = asyncio.Event()  # cleared by a pause
        self._going.set()
        for source in sources:
            self._add(source)

    @property
    def failures(self) -> list[EmotionMonitorError]:
        """Why sources failed that no other has replaced."""
        return list(self._failures.values())

    @property
    def positions_s(self) -> dict[str, float]:
        """Stream to the second of its own sound that is being heard."""
        heard = {name: stream for name, stream in self._streams.items() if stream.state in {"listening", "paused"}}
        return {name: round(stream.position_s, 3) for name, stream in heard.items()}

    @property
    def open_streams(self) -> int:
        """Streams that may still give utterances."""
        return len(self._going_on)

    def stream(self, name: str) -> Stream:
        """A stream that was listened to."""
        return self._streams[name]

    def health(self) -> list[StreamHealth]:
        """The two sums of each stream."""
        return [stream.health() for stream in self._streams.values()]

    async def run(self) -> None:
        """Until every source has ended; cancelled, it ends them all."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for name in self._sources:
                self._start(name)

    def tune(self, tuning: Tuning) -> None:
        """Other numbers from now on."""
        self._tuning = tuning
        for stream in self._streams.values():
            stream.tune(tuning)

    def follow_clock(self) -> None:
        """Lets what is stamped from now on go by the wall clock as it is, if that was set."""
        if moved_s := self._clock.moved_s():
            log.warning("the clock was set, or the machine slept: stamps are %+.1f s later from now on", moved_s)
            for stream in self._streams.values():
                stream.set_clock(moved_s)

    async def pause(self) -> None:
        """Stops listening; what was said until now is still read, and sources that can wait do."""
        self._going.clear()
        await self._take_all([(stream, self._hold(name)) for name, stream in self._streams.items()])

    async def resume(self) -> None:
        """Listens again."""
        self._going.set()
        for source in self._sources.values():
            source.hold(held=False)
        await self._take_all([(stream, stream.resume(time.monotonic())) for stream in self._streams.values()])

    async def switch(self, command: SwitchSource) -> None:
        """Puts another source in a stream's place once it gives sound; as a stream of its own, with its own clock.

        Raises:
            UsageError: It is not clear which stream, there is no such microphone, or another stream has its name.
            AudioError: The microphone gives no sound.
        """
        async with self._switching:
            replaced = [name for name in self._going_on if command.stream in {None, name}]
            if self._open_source is None or len(replaced) != 1:
                wanted = f"no stream {command.stream!r} is listening" if command.stream else "which stream?"
                msg = f"the source cannot be switched: {wanted}"
                raise UsageError(msg, hint=f"listening: {', '.join(self._going_on) or 'none'}")
            source = await self._open_source(command.source)
            check_names([source.label, *(self._sources[name].label for name in self._going_on if name != replaced[0])])
            await self._enter(source)
            source.label = source.label or self._sources[replaced[0]].label  # who speaks there is the same
            self._forget_the_over()
            self._start(self._add(source), is_open=True)
            self._failures.pop(replaced[0], None)
            self._listeners[replaced[0]].cancel()

    async def drop(self, dropped: Iterable[DroppedJob]) -> None:
        """Counts and tells of utterances that will not be read."""
        for each in dropped:
            await self._outlet.send(self._streams[each.job.stream].dropped(each))

    def _add(self, source: Source) -> str:
        """A stream for a source, not yet listened to; its id."""
        self._added += 1
        name = f"{self._run}-{self._added}"
        self._sources[name] = source
        self._streams[name] = Stream(
            stream=name, source=source.name, paced=source.realtime, settings=self._settings, name=source.label
        )
        self._streams[name].tune(self._tuning)
        return name

    def _start(self, name: str, *, is_open: bool = False) -> None:
        if not self._going.is_set():
            self._hold(name)
        self._listeners[name] = self._tasks.create_task(self._listen(name, is_open=is_open), name=name)

    @property
    def _going_on(self) -> list[str]:
        return [name for name, listener in self._listeners.items() if not listener.done()]

    def _hold(self, name: str) -> Pushed:
        return self._streams[name].pause(time.monotonic(), waits=self._sources[name].hold(held=True))

    def _forget_the_over(self) -> None:
        """Forgets streams that have ended and are read, now that another begins: they must not pile up."""
        done = [name for name, listener in self._listeners.items() if listener.done()]
        for name in done:
            health = self._streams[name].health()
            if health.state == "ended" and health.in_flight == 0 and not self._intake.holds(name):
                log.info("%s", account(health))
                del self._streams[name], self._sources[name], self._listeners[name]

    async def _enter(self, source: Source) -> None:
        """Opens a source that must give sound soon."""
        try:
            async with asyncio.timeout(SWITCH_S):
                await source.__aenter__()
        except TimeoutError:
            msg = f"{source.name} gives no sound"
            raise AudioError(msg) from None

    def _may_return(self, name: str) -> bool:
        """Whether a stream's source is a microphone that vanished; one that never gave sound is a mistake."""
        was_heard = self._streams[name].health().captured > 0
        return was_heard and self._sources[name].name.startswith("mic:") and self._settings.source.retry_s > 0

    async def _returned(self, name: str, open_source: Callable[[str], Awaitable[Source]]) -> Source:
        """Looks for a microphone that vanished until it gives sound again."""
        looking: asyncio.Future[Source] | None = None
        try:
            while True:
                await asyncio.sleep(self._settings.source.retry_s)
                looking = looking or asyncio.ensure_future(open_source(self._sources[name].name))
                await asyncio.wait({looking}, timeout=SWITCH_S)
                if looking.done():  # else the sound server hangs, and one thread that waits for it is enough
                    found, looking = looking, None
                    with suppress(EmotionMonitorError, OSError):
                        async with self._switching:
                            source = found.result()
                            await self._enter(source)
                            source.label = self._sources[name].label
                            return source
        finally:
            if looking is not None:
                looking.cancel()

    async def _listen(self, name: str, *, is_open: bool) -> None:
        """From one source to the intake, through all gaps of a microphone that comes and goes."""
        stream = self._streams[name]
        try:
            while (error := await self._hear(name, is_open=is_open)) and self._open_source and self._may_return(name):
                await self._take(stream, stream.lose(time.monotonic()), may_wait=True)
                self._sources[name] = await self._returned(name, self._open_source)
                is_open = True
        except asyncio.CancelledError:
            ended = stream.end("failed" if name in self._failures else "ended", time.monotonic())
            await self._take(stream, ended, may_wait=False)
            raise
        await self._take(stream, stream.end("failed" if error else "ended", time.monotonic()), may_wait=True)
        await self._report_notices(name)

    async def _hear(self, name: str, *, is_open: bool) -> EmotionMonitorError | None:
        """Takes a source's sound until it ends; why it failed, if it did."""
        source, stream = self._sources[name], self._streams[name]
        try:
            async with AsyncExitStack() as stack:
                if is_open:
                    stack.push_async_exit(source)
                else:
                    await stack.enter_async_context(source)
                self.follow_clock()
                if self._failures.pop(name, None):
                    await self._take(stream, stream.find(time.monotonic()), may_wait=True)
                else:
                    stream.open(time.time())
                log.info("listening to %s", labelled(source.name, source.label))
                await self._report_notices(name)
                async for block in source.blocks():
                    if not stream.paced:
                        await self._going.wait()
                    await self._take(stream, stream.push(block, time.monotonic()), may_wait=True)
        except (EmotionMonitorError, OSError) as raised:
            error = raised if isinstance(raised, EmotionMonitorError) else AudioError(f"{source.name}: {raised}")
            self._failures[name] = error
            await self._outlet.report("source", error, stream=name)
            return error
        return None

    async def _report_notices(self, name: str) -> None:
        notices = self._sources[name].notices
        while notices:
            await self._outlet.report("source", EmotionMonitorError(notices.pop(0)), stream=name)

    async def _take_all(self, each: list[tuple[Stream, Pushed]]) -> None:
        for stream, pushed in each:
            await self._take(stream, pushed, may_wait=False)

    async def _take(self, stream: Stream, pushed: Pushed, *, may_wait: bool) -> None:
        await self._intake.foresee(stream.stream, pushed.foreseen)
        await self._outlet.send(pushed.events)
        waiting = deque(pushed.jobs)
        try:
            while waiting:
                dropped = await self._intake.put(waiting[0], may_wait=may_wait and not stream.paced)
                waiting.popleft()
                await self.drop(dropped)
        except asyncio.CancelledError:
            await self.drop(DroppedJob(job, SHUTDOWN) for job in waiting)
            raise
