"""What waits for the broker. Pure: no clock, no I/O."""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from monitor.mqtt.messages import Message


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that waits. `seq` counts events, over all runs of a node; it is 0 for retained messages."""

    seq: int
    message: Message


class Store(Protocol):
    """Keeps entries for the next run, should this one end before the broker has them; `Outbox` does."""

    def put(self, entry: Entry) -> None:
        """Keeps an entry."""

    def remove(self, seq: int) -> None:
        """Forgets it."""


class Outgoing:
    """Messages that the broker has not acknowledged: of a retained topic the newest, of the others all, in order.

    `next` hands out one message after the other, retained ones first; several may be in flight. After a connection
    was lost, `restore` puts those in flight back to where they were, and makes everything retained unsent, because
    the broker may have lost it.

    Events are bounded by number and by size: beyond it, the oldest that is not in flight is lost. So is one that has
    waited until it is worth nothing. Both are counted in `dropped`, by reason.

    Retained messages with a `valid_until` are not left on the broker: once void, or withdrawn, their place is taken
    by an empty message, which is how MQTT clears a retained one.

    `now` is in seconds on a clock that nobody sets: what waits gets older by as much as it has waited, whatever
    happens to the time of day.

    Args:
        capacity: Events that may wait.
        max_bytes: Size of their topics and payloads together.
        store: Told of every event that comes to wait and of every one that no longer does.
        after: Sequence number after which ours begin.
    """

    def __init__(self, capacity: int, *, max_bytes: int, store: Store | None = None, after: int = 0) -> None:
        self.dropped: Counter[str] = Counter()
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._store = store
        self._last = after
        self._size = 0
        self._queue: deque[Entry] = deque()
        self._in_flight: dict[int, Entry] = {}
        self._newest: dict[str, Message] = {}
        self._unsent: dict[str, None] = {}
        self._seen: set[str] = set()  # retained topics that the broker may know

    @property
    def queued(self) -> int:
        """Events that wait, those in flight included; retained messages are replaced, not lost."""
        return len(self._queue) + len(self._in_flight)

    def push(self, message: Message, now: float) -> None:
        """Takes a message; a full queue counts the one it drops."""
        if message.valid_until is None and message.expiry_s is not None:
            message = replace(message, valid_until=now + message.expiry_s)
        if message.retain:
            self._newest[message.topic] = message
            self._unsent.setdefault(message.topic)
            return
        self._last += 1
        entry = Entry(self._last, message)
        self._queue.append(entry)
        self._size += entry.message.size
        if self._store is not None:
            self._store.put(entry)
        self._keep_bounds()

    def refill(self, entries: Iterable[Entry]) -> None:
        """Takes what an earlier run has left in the store; it goes first."""
        entries = sorted(entries, key=lambda entry: entry.seq)
        self._queue.extendleft(reversed(entries))
        self._size += sum(entry.message.size for entry in entries)
        self._last = max(self._last, *(entry.seq for entry in entries), 0)
        self._keep_bounds()

    def next(self, now: float) -> Entry | None:
        """The message to send, or None; what is void by now is not sent."""
        for message in self.withdraw(now):
            self.push(message, now)
        if self._unsent:
            topic = next(iter(self._unsent))
            del self._unsent[topic]
            self._seen.add(topic)
            return Entry(0, self._newest[topic])
        while self._queue:
            entry = self._queue.popleft()
            if entry.message.remaining_s(now) == 0:
                self._lose(entry, "expired")
                continue
            self._in_flight[entry.seq] = entry
            return entry
        return None

    def acknowledge(self, entry: Entry) -> None:
        """The broker has a message that `next` gave."""
        topic = entry.message.topic
        if entry.seq:
            self._done(self._in_flight.pop(entry.seq))
        elif not entry.message.payload and self._newest.get(topic) is entry.message:
            del self._newest[topic]  # cleared, once and for all
            self._seen.discard(topic)

    def refuse(self, entry: Entry, reason: str = "refused") -> None:
        """The broker will not take a message that `next` gave; a retained one is not lost, a newer will follow."""
        if entry.seq:
            self._lose(self._in_flight.pop(entry.seq), reason)

    def restore(self) -> None:
        """Starts anew on a new connection."""
        self._queue.extendleft(reversed(self._in_flight.values()))
        self._in_flight.clear()
        self._unsent = dict.fromkeys(self._newest)

    def withdraw(self, now: float | None = None) -> list[Message]:
        """Forgets retained messages that are void `now`, or by default all that ever will be.

        Returns:
            What to publish in their place, where the broker may know them.
        """
        gone = [
            topic
            for topic, message in self._newest.items()
            if message.valid_until is not None and (now is None or message.valid_until <= now)
        ]
        for topic in gone:
            del self._newest[topic]
            self._unsent.pop(topic, None)
        return [Message(topic=topic, payload=b"", retain=True) for topic in gone if topic in self._seen]

    def repeat(self, topic: str) -> None:
        """Makes the newest of a retained topic unsent again."""
        if topic in self._newest:
            self._unsent.setdefault(topic)

    def abandon(self, *, kept: int = 0) -> int:
        """Gives up everything; returns how many events that loses, beside those `kept` elsewhere, and counts them."""
        lost = max(0, self.queued - kept)
        if lost:
            self.dropped["not delivered"] += lost
        self._queue.clear()
        self._in_flight.clear()
        self._newest.clear()
        self._unsent.clear()
        self._size = 0
        return lost

    def _keep_bounds(self) -> None:
        while self._queue and (self.queued > self._capacity or self._size > self._max_bytes):
            self._lose(self._queue.popleft(), "queue full")

    def _lose(self, entry: Entry, reason: str) -> None:
        self.dropped[reason] += 1
        self._done(entry)

    def _done(self, entry: Entry) -> None:
        self._size -= entry.message.size
        if self._store is not None:
            self._store.remove(entry.seq)
