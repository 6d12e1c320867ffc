"""Utterances on their way to the model: those that wait, and those being read, for tasks that wait for each other."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from core.settings import WorkerSettings
from core.worker.eager import MOST_BUSY, BusyShare
from core.worker.queue import DroppedJob, Job, UtteranceQueue


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the model is to do next: utterances to read, or, while none wait, one that is foreseen.

    `late` have waited too long and are not read.
    """

    jobs: list[Job]
    late: list[DroppedJob]
    foreseen: Job | None = None


class Intake:
    """The queue with what asyncio needs around it. Whoever gets dropped jobs has to account for them.

    What is foreseen counts as nothing here: it is neither waited for nor dropped, only forgotten.

    Args:
        settings: Bounds, and the most utterances read at once.
        one_each: Whether at most one utterance of a stream is read at once, also where several take at once.
    """

    def __init__(self, settings: WorkerSettings, *, one_each: bool = False) -> None:
        self.busy = BusyShare()
        self._queue = UtteranceQueue(settings, one_each=one_each)
        self._one_each = one_each
        self._max_batch = settings.max_batch
        self._reading: list[Job] = []
        self._foreseen: dict[str, Job] = {}
        self._changed = asyncio.Condition()

    def __len__(self) -> int:
        """Utterances that wait."""
        return len(self._queue)

    async def put(self, job: Job, *, may_wait: bool) -> list[DroppedJob]:
        """Takes an utterance in, once there is room if it may wait; returns those that had to go."""
        async with self._changed:
            if may_wait:
                await self._changed.wait_for(lambda: self._queue.has_room(job.stream))
            dropped = self._queue.push(job, time.monotonic())
            self._changed.notify_all()
        return dropped

    async def foresee(self, stream: str, job: Job | None) -> None:
        """What may be read of a stream while nothing waits; None: nothing, any more."""
        if job is None:
            self._foreseen.pop(stream, None)
        elif self._foreseen.get(stream) is not job:
            async with self._changed:
                self._foreseen[stream] = job
                self._changed.notify_all()

    async def take(self, listening: Callable[[], int]) -> Taken:
        """The next utterances to read, once there are any and either enough or not worth waiting for more.

        Args:
            listening: Says how many streams may give utterances.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._some_can_be_read or self._may_read_early)
            if not self._some_can_be_read:
                return Taken(jobs=[], late=[], foreseen=self._foreseen.pop(next(iter(self._foreseen))))
            while (wait_s := self._queue.wait_s(time.monotonic(), min(self._max_batch, listening()))) > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._changed.wait()
            jobs, late = self._queue.pop(time.monotonic(), self._max_batch, without=self._streams_read)
            self._reading += jobs
            self._changed.notify_all()
        return Taken(jobs=jobs, late=late)

    def holds(self, stream: str) -> bool:
        """Whether anything of a stream waits or is being read, interim versions included."""
        return self._queue.holds(stream) or any(job.stream == stream for job in self._reading)

    def done(self, job: Job) -> None:
        """One that was taken is read."""
        self._reading.remove(job)

    async def all_done(self) -> None:
        """Those that were taken are read and told of."""
        async with self._changed:
            self._changed.notify_all()

    async def drained(self) -> None:
        """Returns when nothing waits and nothing is being read."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._queue and not self._reading)

    def clear(self, reason: str) -> list[DroppedJob]:
        """Gives up what is being read and what waits."""
        unread, self._reading = [DroppedJob(job, reason) for job in self._reading], []
        self._foreseen.clear()
        return [*unread, *self._queue.clear(reason)]

    @property
    def _streams_read(self) -> set[str]:
        return {job.stream for job in self._reading} if self._one_each else set()

    @property
    def _some_can_be_read(self) -> bool:
        return self._queue.has_some(without=self._streams_read)

    @property
    def _may_read_early(self) -> bool:
        return bool(self._foreseen) and self.busy.at(time.monotonic()) <= MOST_BUSY
