"""What each process of a program holds: memory, descriptors, threads, from sample to sample."""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from monitor.broker_ports import CONFIGURATION_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """One process at one moment; memory in MB (10^6 bytes)."""

    at_s: float
    rss_mb: float
    uss_mb: float | None
    """What would be free if it ended; None where the system does not tell, like `pss_mb`."""
    pss_mb: float | None
    """The same with its part of what it shares."""
    descriptors: int
    threads: int


@dataclass(slots=True)
class Series:
    """A process and its samples, in order."""

    role: str
    pid: int
    samples: list[Footprint] = field(default_factory=list)


class Family:
    """A program and all processes it has started, those that have ended included.

    Args:
        pid: The program's.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._series: dict[psutil.Process, Series] = {}

    @property
    def series(self) -> list[Series]:
        """Of each process, the eldest first."""
        return list(self._series.values())

    def sample(self, at_s: float) -> None:
        """Takes a sample of each process that is there."""
        for process in self._members():
            with suppress(psutil.NoSuchProcess):
                self._sample(process, at_s)

    def broker_configuration(self) -> Path | None:
        """The file that tells the embedded broker where to listen, if there is one."""
        for process in self._members():
            with suppress(psutil.NoSuchProcess):
                if _role(process) == "broker":
                    return Path(process.cmdline()[-1])
        return None

    def _members(self) -> list[psutil.Process]:
        """Those that are there now; none once the program is gone."""
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _sample(self, process: psutil.Process, at_s: float) -> None:
        with process.oneshot():
            memory = process.memory_info()
            try:
                full = process.memory_full_info()
            except psutil.AccessDenied:
                full = None
            now = Footprint(
                at_s=at_s,
                rss_mb=memory.rss / 1e6,
                uss_mb=_mb(full, "uss"),
                pss_mb=_mb(full, "pss"),
                descriptors=process.num_fds(),
                threads=process.num_threads(),
            )
        if process not in self._series:
            role = "monitor" if process == self._root else _role(process)
            self._series[process] = Series(role, process.pid)
        self._series[process].samples.append(now)


def _mb(memory: object, kind: str) -> float | None:
    """Not every system has every kind."""
    size = getattr(memory, kind, None)
    return None if size is None else size / 1e6


def _role(process: psutil.Process) -> str:
    words = process.cmdline()
    if "core.worker" in words:
        return "inference"
    return "broker" if words and Path(words[-1]).name == CONFIGURATION_NAME else process.name()
