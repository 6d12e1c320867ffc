"""What was measured on."""

import os
import platform
from importlib.metadata import version


def machine() -> str:
    """Processor, cores and torch, in words."""
    return f"{_processor()}, {os.cpu_count()} cores, torch {version('torch')}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:  # noqa: PTH123 - not a file one has
            return next(line.partition(":")[2].strip() for line in info if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
