"""What a process costs: memory and processor time."""

import time
from dataclasses import dataclass

import psutil

SHORTEST_S = 0.2
"""Processor time over less is too coarse to say anything; then the share of before is given again."""


@dataclass(frozen=True, slots=True)
class Load:
    """Resident memory in MB (10^6 bytes), and the share of one core in percent; None until it is known."""

    rss_mb: float
    cpu_percent: float | None


class ProcessLoad:
    """Measures one process again and again.

    Args:
        pid: Its number; None for this process.
    """

    def __init__(self, pid: int | None = None) -> None:
        self._pid = pid
        self._process: psutil.Process | None = None
        self._at_s = self._cpu_s = 0.0
        self._last = Load(0.0, None)
        self.measure()

    def measure(self) -> Load:
        """Memory now and the processor's share since the time before; nothing of a process that is gone.

        What cannot be measured now, for want of a file descriptor for one, is as it was before.
        """
        try:
            self._last = self._measured()
        except psutil.Error:
            return Load(0.0, None)
        except OSError:
            pass
        return self._last

    def _measured(self) -> Load:
        process = self._process or psutil.Process(self._pid)
        rss_mb = process.memory_info().rss / 1e6
        now_s, cpu_percent = time.monotonic(), self._last.cpu_percent
        if self._process is None:
            self._process, self._at_s, self._cpu_s = process, now_s, self._used_s(process)
        elif now_s - self._at_s >= SHORTEST_S:
            cpu_s = self._used_s(process)
            cpu_percent = 100 * (cpu_s - self._cpu_s) / (now_s - self._at_s)
            self._at_s, self._cpu_s = now_s, cpu_s
        return Load(rss_mb, cpu_percent)

    @staticmethod
    def _used_s(process: psutil.Process) -> float:
        used = process.cpu_times()
        return float(used.user + used.system)
