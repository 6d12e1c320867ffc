"""From sources to the intake: each source is a stream of its own, and they come and go while others are listened to."""

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
from core.wire.events import StreamHealth, Tuning
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
        """Stops listening; what was said until now is still read."""
        self._going.clear()
        await self._for_every_stream(Stream.pause)

    async def resume(self) -> None:
        """Listens again."""
        self._going.set()
        await self._for_every_stream(Stream.resume)

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
            await self._put_in_place(replaced[0], source)
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
            self._streams[name].pause(time.monotonic())
        self._listeners[name] = self._tasks.create_task(self._listen(name, is_open=is_open), name=name)

    @property
    def _going_on(self) -> list[str]:
        return [name for name, listener in self._listeners.items() if not listener.done()]

    @property
    def _over(self) -> list[str]:
        """Streams that have ended and are read; when another begins they are forgotten, so that they do not pile up."""
        done = [name for name, listener in self._listeners.items() if listener.done()]
        ended = [name for name in done if self._streams[name].state == "ended"]
        return [name for name in ended if self._streams[name].health().in_flight == 0 and not self._intake.holds(name)]

    async def _put_in_place(self, name: str, source: Source) -> None:
        """Another stream in place of one that is over, or about to be, once its source gives sound."""
        try:
            async with asyncio.timeout(SWITCH_S):
                await source.__aenter__()
        except TimeoutError:
            msg = f"{source.name} gives no sound"
            raise AudioError(msg) from None
        source.label = source.label or self._sources[name].label  # who speaks there is the same
        for old in self._over:
            log.info("%s", account(self._streams.pop(old).health()))
            del self._sources[old], self._listeners[old]
        self._start(self._add(source), is_open=True)
        if self._failures.pop(name, None):
            self._streams[name].state = "ended"

    def _may_return(self, name: str) -> bool:
        """Whether a stream's source is a microphone that vanished; one that never gave sound is a mistake."""
        was_heard = self._streams[name].health().captured > 0
        return was_heard and self._sources[name].name.startswith("mic:") and self._settings.source.retry_s > 0

    async def _await_return(self, name: str, open_source: Callable[[str], Awaitable[Source]]) -> None:
        """Looks for a microphone that vanished; when it gives sound again, that is a stream of its own."""
        wanted = self._sources[name].name
        looking: asyncio.Future[Source] | None = None
        try:
            while name in self._failures:
                await asyncio.sleep(self._settings.source.retry_s)
                looking = looking or asyncio.ensure_future(open_source(wanted))
                await asyncio.wait({looking}, timeout=SWITCH_S)
                if looking.done():  # else the sound server hangs, and one thread that waits for it is enough
                    found, looking = looking, None
                    with suppress(EmotionMonitorError, OSError):
                        async with self._switching:
                            await self._put_in_place(name, found.result())
        finally:
            if looking is not None:
                looking.cancel()

    async def _listen(self, name: str, *, is_open: bool) -> None:
        """From one source to the intake."""
        source, stream = self._sources[name], self._streams[name]
        try:
            async with AsyncExitStack() as stack:
                if is_open:
                    stack.push_async_exit(source)
                else:
                    await stack.enter_async_context(source)
                self.follow_clock()
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
            await self._take(stream, stream.end("failed", time.monotonic()), may_wait=True)
            if self._open_source is not None and self._may_return(name):
                await self._await_return(name, self._open_source)
        except asyncio.CancelledError:
            await self._take(stream, stream.end("ended", time.monotonic()), may_wait=False)
            raise
        else:
            await self._take(stream, stream.end("ended", time.monotonic()), may_wait=True)
        await self._report_notices(name)

    async def _report_notices(self, name: str) -> None:
        notices = self._sources[name].notices
        while notices:
            await self._outlet.report("source", EmotionMonitorError(notices.pop(0)), stream=name)

    async def _for_every_stream(self, change: Callable[[Stream, float], Pushed]) -> None:
        for stream in list(self._streams.values()):  # others may begin meanwhile
            await self._take(stream, change(stream, time.monotonic()), may_wait=False)

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
