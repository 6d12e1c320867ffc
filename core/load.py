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
        self._cpu_percent: float | None = None
        try:
            self._process: psutil.Process | None = psutil.Process(pid)
            self._at_s, self._cpu_s = time.monotonic(), self._used_s(self._process)
        except psutil.Error:
            self._process = None

    def measure(self) -> Load:
        """Memory now and the processor's share since the time before; nothing of a process that is gone."""
        if self._process is None:
            return Load(0.0, None)
        try:
            rss_mb = self._process.memory_info().rss / 1e6
            now_s = time.monotonic()
            if now_s - self._at_s >= SHORTEST_S:
                cpu_s = self._used_s(self._process)
                self._cpu_percent = 100 * (cpu_s - self._cpu_s) / (now_s - self._at_s)
                self._at_s, self._cpu_s = now_s, cpu_s
        except psutil.Error:
            return Load(0.0, None)
        return Load(rss_mb, self._cpu_percent)

    @staticmethod
    def _used_s(process: psutil.Process) -> float:
        used = process.cpu_times()
        return float(used.user + used.system)
