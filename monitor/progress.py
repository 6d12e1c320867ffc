"""Whether readings come, where they must. No I/O, no clock."""

from core.settings import WorkerSettings
from core.wire.health import HealthEvent


def longest_reading_s(settings: WorkerSettings) -> float:
    """No utterance waits longer for the next reading of any while the inference process is ready.

    A batch has its time limit; after a failure each of its utterances is asked for alone; and all of that may come
    once before for interim readings, which health does not count.
    """
    return 2 * (1 + settings.max_batch) * settings.read_timeout_s


class Progress:
    """Follows health events; knows when utterances wait and none is read, though a process is there to read them.

    A process that is being started or restarted is waited for: how long that takes is the supervisor's affair, and
    starting the program again would take no less. Silence, a pause and a client that sends nothing are no standstill.

    Args:
        limit_s: Longest time without a reading.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._seen: tuple[int, int] | None = None
        self._since_s = 0.0

    def stands_still(self, event: HealthEvent, now_s: float) -> bool:
        """Takes the next event; whether there has been no reading for too long. `now_s` is monotonic."""
        in_flight = sum(stream.in_flight for stream in event.streams)
        if not in_flight or event.worker.state not in {"ready", "busy"}:
            self._seen = None
            return False
        read = sum(stream.published + stream.failed for stream in event.streams)
        seen = read, event.worker.generation
        if seen != self._seen:
            self._seen, self._since_s = seen, now_s
        return now_s - self._since_s > self._limit_s
