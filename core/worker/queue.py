"""Utterances that wait for the inference process: bounded, fair, and every one accounted for."""

from collections import OrderedDict, deque
from collections.abc import Collection
from dataclasses import dataclass

from core.settings import WorkerSettings
from core.sound.utterance import Utterance

OVERLOAD = "overload"
"""Reason of a drop: more utterances came than the model can read."""
SUPERSEDED = "superseded"
"""Reason of a drop: an interim utterance waited so long that a newer version of it came."""
TOO_LATE = "too_late"
"""Reason of a drop: the utterance waited longer than max_wait_s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An utterance to be read.

    `queued_at` is monotonic time in seconds. `paced` is false where the source waits for the model: such an utterance
    is never too late.
    """

    stream: str
    utterance: Utterance
    queued_at: float
    paced: bool = True


@dataclass(frozen=True, slots=True)
class DroppedJob:
    """An utterance that will not be read, and why."""

    job: Job
    reason: str


class UtteranceQueue:
    """A queue per stream, served in turn: first those whose utterance is over, for somebody waits for its reading.

    At most `queue_per_stream` utterances of a stream wait. When one more comes, the first of these goes: the interim
    version it supersedes, else the oldest interim one, else the oldest. (The stream that overflows is full, so no
    stream has a longer backlog.) Within a stream the order is kept.

    Args:
        settings: Bounds.
        one_each: Whether at most one utterance of a stream is read at once: what it was heard as changes how the next
            one is read.
    """

    def __init__(self, settings: WorkerSettings, *, one_each: bool = False) -> None:
        self._one_each = one_each
        self._bound = settings.queue_per_stream
        self._max_wait_s = settings.max_wait_s
        self._batch_wait_s = settings.batch_wait_s
        # The next stream to be served comes first; a stream without jobs has no entry.
        self._streams: OrderedDict[str, deque[Job]] = OrderedDict()

    def __len__(self) -> int:
        return sum(len(jobs) for jobs in self._streams.values())

    def has_room(self, stream: str) -> bool:
        """Whether a push would drop nothing; a source that can wait waits for it."""
        return len(self._streams.get(stream, ())) < self._bound

    def holds(self, stream: str) -> bool:
        """Whether anything of a stream waits."""
        return stream in self._streams

    def push(self, job: Job, now: float) -> list[DroppedJob]:
        """Adds an utterance; returns those that had to go, this one among them at times.

        Args:
            job: Of its stream the newest.
            now: Monotonic time in seconds.
        """
        dropped = self._drop_late(now)
        jobs = self._streams.setdefault(job.stream, deque())
        superseded = [old for old in jobs if _same_utterance(old, job) and not old.utterance.final]
        for old in superseded:
            jobs.remove(old)
            dropped.append(DroppedJob(old, SUPERSEDED))
        jobs.append(job)
        if len(jobs) > self._bound:
            victim = next((waiting for waiting in jobs if not waiting.utterance.final), jobs[0])
            jobs.remove(victim)
            dropped.append(DroppedJob(victim, OVERLOAD))
        return dropped

    def has_some(self, *, without: Collection[str]) -> bool:
        """Whether anything waits of other streams than these."""
        return any(stream not in without for stream in self._streams)

    def pop(self, now: float, max_batch: int, *, without: Collection[str] = ()) -> tuple[list[Job], list[DroppedJob]]:
        """The next utterances to read, one stream after the other, and those that waited too long.

        Args:
            now: Monotonic time in seconds.
            max_batch: Most utterances to return.
            without: Streams of which none is to be returned.
        """
        dropped = self._drop_late(now)
        batch: list[Job] = []
        most = min(max_batch, len(self._streams)) if self._one_each else max_batch
        while len(batch) < most and (streams := [stream for stream in self._streams if stream not in without]):
            over = (stream for stream in streams if self._streams[stream][0].utterance.final)
            stream = next(over, streams[0])
            jobs = self._streams.pop(stream)
            batch.append(jobs.popleft())
            if jobs:
                self._streams[stream] = jobs
        return batch, dropped

    def wait_s(self, now: float, batch: int) -> float:
        """How long the utterances that wait may wait for others to be read with: within the budget of the eldest.

        Args:
            now: Monotonic time in seconds.
            batch: Streams that may give an utterance, or the most utterances read at once if that is less.
        """
        if not self._streams or not self._batch_wait_s or len(self._streams) >= batch or len(self) >= batch:
            return 0.0
        eldest = min(jobs[0].queued_at for jobs in self._streams.values())
        return max(eldest + self._batch_wait_s - now, 0.0)

    def clear(self, reason: str, stream: str | None = None) -> list[DroppedJob]:
        """Drops what waits, of one stream or of all."""
        gone = list(self._streams) if stream is None else [stream]
        return [DroppedJob(job, reason) for name in gone for job in self._streams.pop(name, ())]

    def _drop_late(self, now: float) -> list[DroppedJob]:
        dropped = []
        for stream, jobs in list(self._streams.items()):
            late = [job for job in jobs if job.paced and now - job.queued_at > self._max_wait_s]
            for job in late:
                jobs.remove(job)
                dropped.append(DroppedJob(job, TOO_LATE))
            if not jobs:
                del self._streams[stream]
        return dropped


def _same_utterance(one: Job, other: Job) -> bool:
    return one.utterance.number == other.utterance.number
