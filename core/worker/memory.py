"""A bound on the memory of the inference process: a model that does not fit must not bring the machine down."""

import resource

import psutil

MOST = 0.9
"""Share of the machine's memory that the process may have where the settings leave it open."""


def limit_memory(memory_mb: int) -> None:
    """Lets this process have so many megabytes (10^6 bytes) of data; 0: nine tenths of the machine's memory.

    What files are mapped to and what is on a GPU does not count; nor does anything where the system has no such limit.
    Beyond it Python raises MemoryError, and torch an error of its own.
    """
    wanted = memory_mb * 1_000_000 or int(MOST * psutil.virtual_memory().total)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bounded = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (bounded, hard))
