"""Utterances on their way to the model: those that wait, and those being read, for tasks that wait for each other."""

import asyncio
import time

from core.settings import WorkerSettings
from core.worker.queue import DroppedJob, Job, UtteranceQueue


class Intake:
    """The queue with what asyncio needs around it. Whoever gets dropped jobs has to account for them.

    Args:
        settings: Bounds, and the most utterances read at once.
        one_each: Whether at most one utterance of a stream is read at once.
    """

    def __init__(self, settings: WorkerSettings, *, one_each: bool = False) -> None:
        self._queue = UtteranceQueue(settings, one_each=one_each)
        self._max_batch = settings.max_batch
        self._reading: list[Job] = []
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

    async def take(self) -> tuple[list[Job], list[DroppedJob]]:
        """The next utterances to read, once there are any, and those that have waited too long."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._queue) > 0)
            self._reading, late = self._queue.pop(time.monotonic(), self._max_batch)
            self._changed.notify_all()
        return list(self._reading), late

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
        return [*unread, *self._queue.clear(reason)]
