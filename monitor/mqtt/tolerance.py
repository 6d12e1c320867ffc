"""How large a message a broker takes that does not say so: learned from what becomes of messages. No I/O."""

TRIES = 3
"""So often in a row the connection has to be lost at a message until it counts as too large."""


class Tolerance:
    """Doubts messages that are larger than all that the broker has taken, once a connection was lost with one of them.

    A broker that speaks MQTT 3.1.1 has no words for a packet that is too large: it cuts the connection, and would cut
    the next one at the same message. A network cuts connections too. So a doubtful message is tried by itself: sent
    when nothing else is on its way, on a connection that has proved to live without it. If the connection is lost
    before the answer, TRIES times in a row, messages of its size and above are too large from then on. Of one that is
    answered, nothing is left but that its size is no longer doubted.

    Attributes:
        too_large: Bytes from which on a message is not sent any more; None: no limit is known.
    """

    def __init__(self) -> None:
        self.too_large: int | None = None
        self._taken = 0
        self._is_wary = False
        self._on_their_way: list[int] = []
        self._tried: int | None = None
        self._failures = 0

    def begin(self) -> None:
        """On a new connection nothing is on its way."""
        self._on_their_way.clear()
        self._tried = None

    def refuses(self, size: int) -> bool:
        """Whether a message of so many bytes is too large."""
        return self.too_large is not None and size >= self.too_large

    def doubts(self, size: int) -> bool:
        """Whether it has to be tried by itself."""
        return self._is_wary and size > self._taken

    def send(self, size: int) -> None:
        """A message is sent; one that is doubtful, by itself."""
        self._on_their_way.append(size)
        if self.doubts(size):
            self._tried = size

    def settle(self, size: int, *, taken: bool) -> None:
        """The broker has answered a message, and taken it or not."""
        self._on_their_way.remove(size)
        if size == self._tried:
            self._tried, self._failures = None, 0
        if taken:
            self._taken = max(self._taken, size)

    def lose(self) -> None:
        """The connection is lost, and with it the answers to what was on its way; a loss without a try ends a row."""
        self._is_wary = self._is_wary or any(size > self._taken for size in self._on_their_way)
        self._failures = 0 if self._tried is None else self._failures + 1
        if self._failures == TRIES:
            self.too_large, self._failures = self._tried, 0
