"""A worker's side: jobs that wait, jobs being read, and results that may be asked for again. Pure: no clock, no I/O.

A job comes at least once. One that is held already is not read again, and of one that was answered the result is given
again. What a message is acknowledged by (its token) is handed back with the result: a broker counts a message as
delivered when it is acknowledged, and that is to be after its result is out.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from core.model import Reading
from core.wire.events import ModelStamp
from monitor.jobs.envelope import Job, Result

KEPT = 512
"""Results that are kept for repetitions of their jobs."""

Token = TypeVar("Token")


@dataclass(slots=True, eq=False)
class Held(Generic[Token]):
    """A job, where its result goes, and what it came with, each time it came."""

    job: Job
    reply_to: str
    expires_s: float
    tokens: list[Token] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Reply(Generic[Token]):
    """A result to publish on a topic, and what is then to be acknowledged."""

    topic: str
    result: Result
    tokens: list[Token]
    expires_s: float


class Desk(Generic[Token]):
    """What one worker has been asked.

    Args:
        worker: Its name.
        identity: Of its model.

    Attributes:
        answered: Jobs that got a reading here.
        repeated: Those that came again.
        declined: Those that another worker has to read.
        expired: Those that came too late to be read.
    """

    def __init__(self, worker: str, identity: str) -> None:
        self.answered = self.repeated = self.declined = self.expired = 0
        self._worker = worker
        self._identity = identity
        self._waiting: deque[Held[Token]] = deque()
        self._held: dict[str, Held[Token]] = {}
        self._results: OrderedDict[str, Result] = OrderedDict()

    def __len__(self) -> int:
        """Jobs that wait."""
        return len(self._waiting)

    @property
    def held(self) -> int:
        """Jobs that wait or are being read."""
        return len(self._held)

    def take(self, job: Job, token: Token, now: float, *, reply_to: str, valid_s: float) -> Reply[Token] | None:
        """A job came, worth reading for `valid_s`; gives what there is to say at once."""
        message = job.message
        if held := self._held.get(message.id):
            self.repeated += 1
            held.tokens.append(token)
            held.expires_s = max(held.expires_s, now + valid_s)
            return None
        if known := self._results.get(message.id):
            self.repeated += 1
            return Reply(reply_to, known, [token], now + valid_s)
        if message.model != self._identity:
            return self._decline(Held(job, reply_to, now + valid_s, [token]), "another model is at work here")
        self._held[message.id] = held = Held(job, reply_to, now + valid_s, [token])
        self._waiting.append(held)
        return None

    def next(self, now: float, most: int) -> tuple[list[Held[Token]], list[Token]]:
        """Jobs to read now, and tokens of those for which it is too late: nobody waits for them."""
        batch: list[Held[Token]] = []
        late: list[Token] = []
        while self._waiting and len(batch) < most:
            held = self._waiting.popleft()
            if held.expires_s > now:
                batch.append(held)
                continue
            self.expired += 1
            del self._held[held.job.message.id]
            late += held.tokens
        return batch, late

    def answer(self, held: Held[Token], reading: Reading, model: ModelStamp) -> Reply[Token]:
        """A job is read."""
        self.answered += 1
        message = held.job.message
        del self._held[message.id]
        result = Result(
            id=message.id,
            attempt=message.attempt,
            sha256=message.sha256,
            worker=self._worker,
            model=model,
            reading=reading,
        )
        self._results[message.id] = result
        if len(self._results) > KEPT:
            self._results.popitem(last=False)
        return Reply(held.reply_to, result, held.tokens, held.expires_s)

    def decline(self, held: Held[Token], reason: str) -> Reply[Token]:
        """A job that was to be read cannot be."""
        del self._held[held.job.message.id]
        return self._decline(held, reason)

    def decline_all(self, reason: str) -> list[Reply[Token]]:
        """Passes on what waits."""
        waiting, self._waiting = list(self._waiting), deque()
        return [self.decline(held, reason) for held in waiting]

    def disconnect(self) -> None:
        """What came on the old connection cannot be acknowledged any more; its jobs stay."""
        for held in self._held.values():
            held.tokens.clear()

    def _decline(self, held: Held[Token], reason: str) -> Reply[Token]:
        self.declined += 1
        message = held.job.message
        result = Result(
            id=message.id, attempt=message.attempt, sha256=message.sha256, worker=self._worker, declined=reason
        )
        return Reply(held.reply_to, result, held.tokens, held.expires_s)
