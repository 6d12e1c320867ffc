"""The split program as a discrete-event simulation: edges that own what they ask, a broker, workers that fail.

The rules are those of monitor/jobs and core/worker/queue.py, in a few lines each; docs/scaling.md explains them.
Seeded, no clock, no I/O.
"""

import heapq
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, TypeAlias

import numpy as np

from benchmarks.fleet.outcome import Outcome
from benchmarks.fleet.service import BatchTimes
from benchmarks.fleet.speech import Heard
from core.settings import RemoteSettings, WorkerSettings
from monitor.jobs.desk import KEPT
from monitor.jobs.ownership import ATTEMPTS, UNHEARD_S

Dispatch: TypeAlias = Literal["in turn", "at random", "to whoever is free"]
"""mosquitto gives jobs in turn, VerneMQ at random; a queue, which is not built, would give them to whoever is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What there is. Settings of the program have its defaults."""

    workers: int
    times: BatchTimes
    max_batch: int = 1
    microphones_per_edge: int = 1
    dispatch: Dispatch = "in turn"
    hop_s: float = 0.001
    """One way through the broker."""
    uptime_s: float = math.inf
    """Mean time until a worker is gone with all it held (exponential)."""
    down_s: float = 30.0
    """Time until it is back."""
    noticed_s: float = 0.0
    """Time until the broker knows that it is gone: at once if the program died, later if the machine did."""
    window: int = RemoteSettings().window
    resend_s: float = RemoteSettings().resend_s
    deadline_s: float = RemoteSettings().deadline_s
    queue_per_stream: int = WorkerSettings().queue_per_stream
    max_wait_s: float = WorkerSettings().max_wait_s


@dataclass(slots=True, eq=False)
class _Job:
    heard: Heard
    edge: "_Edge"
    expires_s: float
    due_s: float = 0.0
    attempt: int = 0
    fate: Literal["answered", "expired"] | None = None


@dataclass(slots=True, eq=False)
class _Edge:
    waiting: deque[Heard] = field(default_factory=deque)
    under_way: set[int] = field(default_factory=set)  # microphones


@dataclass(slots=True, eq=False)
class _Worker:
    waiting: deque[_Job] = field(default_factory=deque)
    held: set[_Job] = field(default_factory=set)
    read: OrderedDict[_Job, None] = field(default_factory=OrderedDict)
    is_reading: bool = False
    is_up: bool = True
    is_subscribed: bool = True
    life: int = 0


def simulate(heard: Sequence[Heard], fleet: Fleet, chance: np.random.Generator, *, since_s: float = 0.0) -> Outcome:
    """Plays it until all is answered, expired or dropped.

    Args:
        heard: In the order of time.
        fleet: What there is.
        chance: For times of service and failures.
        since_s: Waiting is measured of what came since then; counts are of everything.
    """
    return _Simulation(fleet, chance, since_s).run(heard)


class _Simulation:
    def __init__(self, fleet: Fleet, chance: np.random.Generator, since_s: float) -> None:
        self._fleet = fleet
        self._chance = chance
        self._since_s = since_s
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()
        self._edges: dict[int, _Edge] = {}
        self._workers = [_Worker() for _ in range(fleet.workers)]
        self._turn = 0
        self._queue: deque[_Job] = deque()  # at the broker, for whoever is free
        self._counts: Counter[str] = Counter()
        self._busy_s = 0.0
        self._batches = self._batched = 0
        self._waits_s: list[float] = []
        self._sojourns_s: list[float] = []
        self._open = 0  # owned and not over, or waiting at an edge

    def run(self, heard: Sequence[Heard]) -> Outcome:
        if self._fleet.uptime_s < math.inf:
            for worker in self._workers:
                self._after(self._chance.exponential(self._fleet.uptime_s), self._fail, worker)
        for one in heard:
            self._play_until(one.at_s)
            self._now = one.at_s
            self._hear(one)
        lasted_s = self._now
        while self._open and self._events:
            self._step()
        return Outcome(
            offered=len(heard),
            answered=self._counts["answered"],
            expired=self._counts["expired"],
            dropped={why: self._counts[why] for why in ("superseded", "overload", "too_late")},
            sent=self._counts["sent"],
            resent=self._counts["resent"],
            duplicates=self._counts["duplicate"],
            late=self._counts["late"],
            failures=self._counts["failure"],
            utilisation=self._busy_s / (self._fleet.workers * max(lasted_s, self._now)) if heard else 0.0,
            batch=self._batched / self._batches if self._batches else 0.0,
            waits_s=np.array(self._waits_s),
            sojourns_s=np.array(self._sojourns_s),
        )

    def _after(self, pause_s: float, what: Callable[..., None], *arguments: Any) -> None:
        if pause_s < math.inf:
            heapq.heappush(self._events, (self._now + pause_s, next(self._order), what, arguments))

    def _step(self) -> None:
        self._now, _, what, arguments = heapq.heappop(self._events)
        what(*arguments)

    def _play_until(self, time_s: float) -> None:
        while self._events and self._events[0][0] <= time_s:
            self._step()

    # Where it is heard.

    def _hear(self, heard: Heard) -> None:
        """A queue of each stream: newer versions supersede interim ones, and the oldest of too many goes."""
        edge = self._edges.setdefault(heard.microphone // self._fleet.microphones_per_edge, _Edge())
        own = [one for one in edge.waiting if one.microphone == heard.microphone]
        for old in [one for one in own if not one.final]:
            own.remove(old)
            self._drop(edge, old, "superseded")
        if len(own) >= self._fleet.queue_per_stream:
            self._drop(edge, own[0], "overload")
        edge.waiting.append(heard)
        self._open += 1
        self._take(edge)

    def _drop(self, edge: _Edge, heard: Heard, why: str) -> None:
        edge.waiting.remove(heard)
        self._counts[why] += 1
        self._open -= 1

    def _take(self, edge: _Edge) -> None:
        """As many as the window has room for: one of each stream, final ones first."""
        for old in [one for one in edge.waiting if self._now - one.at_s > self._fleet.max_wait_s]:
            self._drop(edge, old, "too_late")
        for one in sorted(edge.waiting, key=lambda one: not one.final):
            if len(edge.under_way) < self._fleet.window and one.microphone not in edge.under_way:
                edge.waiting.remove(one)
                edge.under_way.add(one.microphone)
                job = _Job(one, edge, self._now + self._fleet.deadline_s)
                self._after(self._fleet.deadline_s, self._expire, job)
                self._send(job, job.due_s)

    def _send(self, job: _Job, due_s: float) -> None:
        if job.fate or job.due_s != due_s or job.attempt >= ATTEMPTS:
            return
        job.attempt += 1
        self._counts["sent"] += 1
        self._counts["resent"] += job.attempt > 1
        self._after(self._fleet.hop_s, self._give, job)
        self._send_after(job, self._fleet.resend_s * 2 ** (job.attempt - 1))

    def _send_after(self, job: _Job, pause_s: float) -> None:
        job.due_s = self._now + pause_s
        self._after(pause_s, self._send, job, job.due_s)

    def _take_back(self, job: _Job) -> None:
        """The broker said that nobody was there: that was no attempt."""
        self._counts["sent"] -= 1
        self._counts["resent"] -= job.attempt > 1
        job.attempt -= 1
        self._send_after(job, UNHEARD_S)

    def _answer(self, job: _Job, began_s: float) -> None:
        if job.fate:
            self._counts["duplicate" if job.fate == "answered" else "late"] += 1
            return
        if job.heard.final and job.heard.at_s >= self._since_s:
            self._waits_s.append(began_s - job.heard.at_s)
            self._sojourns_s.append(self._now - job.heard.at_s)
        self._settle(job, "answered")

    def _expire(self, job: _Job) -> None:
        if not job.fate:
            self._settle(job, "expired")

    def _settle(self, job: _Job, fate: Literal["answered", "expired"]) -> None:
        job.fate = fate
        self._counts[fate] += 1
        self._open -= 1
        job.edge.under_way.remove(job.heard.microphone)
        self._take(job.edge)

    # The broker.

    def _give(self, job: _Job) -> None:
        there = [worker for worker in self._workers if worker.is_subscribed]
        if not there:
            self._take_back(job)
        elif self._fleet.dispatch != "to whoever is free":
            in_turn = self._fleet.dispatch == "in turn"
            self._turn = (self._turn + 1 if in_turn else int(self._chance.integers(len(there)))) % len(there)
            if there[self._turn].is_up:
                self._receive(there[self._turn], job)
        else:
            self._queue.append(job)
            idle = next((worker for worker in there if worker.is_up and not worker.is_reading), None)
            if idle is not None:
                self._begin(idle)

    # A worker.

    def _receive(self, worker: _Worker, job: _Job) -> None:
        if job in worker.held:
            return
        if job in worker.read:
            self._after(self._fleet.hop_s, self._answer, job, self._now)
            return
        worker.held.add(job)
        worker.waiting.append(job)
        if not worker.is_reading:
            self._begin(worker)

    def _begin(self, worker: _Worker) -> None:
        waiting = self._queue if self._fleet.dispatch == "to whoever is free" else worker.waiting
        batch: list[_Job] = []
        while waiting and len(batch) < self._fleet.max_batch:
            job = waiting.popleft()
            if job.expires_s > self._now:
                batch.append(job)
            else:
                worker.held.discard(job)
        if not batch:
            return
        worker.is_reading = True
        took_s = self._fleet.times.draw_s(len(batch), self._chance)
        self._batches += 1
        self._batched += len(batch)
        self._after(took_s, self._finish, worker, worker.life, batch, self._now)

    def _finish(self, worker: _Worker, life: int, batch: list[_Job], began_s: float) -> None:
        if life != worker.life:
            return
        self._busy_s += self._now - began_s
        worker.is_reading = False
        for job in batch:
            worker.held.discard(job)
            worker.read[job] = None
            if len(worker.read) > KEPT:
                worker.read.popitem(last=False)
            self._after(self._fleet.hop_s, self._answer, job, began_s)
        self._begin(worker)

    def _fail(self, worker: _Worker) -> None:
        """It is gone, and with it what it held and what waited for it at the broker."""
        self._counts["failure"] += 1
        worker.waiting.clear()
        worker.held.clear()
        worker.read.clear()
        worker.is_up = worker.is_reading = False
        worker.life += 1
        self._after(min(self._fleet.noticed_s, self._fleet.down_s), self._miss, worker, worker.life)
        self._after(self._fleet.down_s, self._return, worker)

    def _miss(self, worker: _Worker, life: int) -> None:
        if life == worker.life and not worker.is_up:
            worker.is_subscribed = False

    def _return(self, worker: _Worker) -> None:
        worker.is_up = worker.is_subscribed = True
        self._after(self._chance.exponential(self._fleet.uptime_s), self._fail, worker)
        if self._queue:
            self._begin(worker)
