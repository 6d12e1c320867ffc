"""What waits for the broker. Pure: no clock, no I/O."""

from collections import deque

from monitor.mqtt.messages import Message


class Outgoing:
    """Messages that the broker has not acknowledged: of a retained topic the newest, of the others all, in order.

    `next` hands out one message at a time, retained ones first. After a connection was lost, `restore` makes the
    message in flight the next one again, and everything retained unsent, because the broker may have lost it. A full
    queue loses its oldest message that is not in flight.

    Args:
        capacity: Messages that may wait, beside the newest of each retained topic.
    """

    def __init__(self, capacity: int) -> None:
        self.dropped = 0
        self._capacity = capacity
        self._queue: deque[Message] = deque()
        self._in_flight: Message | None = None
        self._newest: dict[str, Message] = {}
        self._unsent: set[str] = set()

    @property
    def queued(self) -> int:
        """Messages that would be lost now, the one in flight included; retained ones are replaced, not lost."""
        return len(self._queue) + (self._in_flight is not None and not self._in_flight.retain)

    def push(self, message: Message) -> None:
        """Takes a message; a full queue counts the one it drops."""
        if message.retain:
            self._newest[message.topic] = message
            self._unsent.add(message.topic)
            return
        if self.queued >= self._capacity:
            self.dropped += 1
            if not self._queue:  # a capacity of one, and that one is in flight
                return
            self._queue.popleft()
        self._queue.append(message)

    def next(self, now: float) -> Message | None:
        """The message to send, or None; `now` in seconds since the epoch decides what is void by then."""
        self._newest = {topic: message for topic, message in self._newest.items() if message.remaining_s(now) != 0}
        for topic, message in self._newest.items():
            if topic in self._unsent:
                self._unsent.remove(topic)
                self._in_flight = message
                return message
        self._unsent.clear()
        self._in_flight = self._queue.popleft() if self._queue else None
        return self._in_flight

    def acknowledge(self) -> None:
        """The broker has the message that `next` gave."""
        self._in_flight = None

    def refuse(self) -> None:
        """The broker will not take the message that `next` gave."""
        self.dropped += self._in_flight is not None and not self._in_flight.retain
        self._in_flight = None

    def restore(self) -> None:
        """Starts anew on a new connection."""
        if self._in_flight is not None and not self._in_flight.retain:
            self._queue.appendleft(self._in_flight)
        self._in_flight = None
        self._unsent = set(self._newest)

    def abandon(self) -> int:
        """Gives up everything; returns how many messages that loses, and counts them."""
        lost = self.queued
        self.dropped += lost
        self._queue.clear()
        self._newest.clear()
        self._unsent.clear()
        self._in_flight = None
        return lost
