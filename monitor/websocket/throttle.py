"""Warnings that anybody may cause, kept from filling the log. No I/O; time comes in as arguments."""


class Throttle:
    """Lets the first of a kind through, then at most one in `every_s`, and counts those in between.

    Args:
        every_s: Least time between two of a kind.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._last: dict[str, tuple[float, int]] = {}

    def push(self, kind: str, now_s: float) -> int | None:
        """How many of the kind went untold since the one before; None: neither is this one to be told.

        Args:
            kind: One of a few; nothing that a stranger can choose.
            now_s: Monotonic time, in seconds.
        """
        last_s, untold = self._last.get(kind, (None, 0))
        if last_s is not None and now_s - last_s < self._every_s:
            self._last[kind] = (last_s, untold + 1)
            return None
        self._last[kind] = (now_s, 0)
        return untold
