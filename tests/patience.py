"""Waiting for what must come, on a machine however slow or busy: nothing is decided by what takes less."""

import asyncio
import time
from collections.abc import Callable

PATIENCE_S = 300.0
"""After so long it is taken as never to come."""


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Polls a condition; fails if it never comes true."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.01)


async def until(condition: Callable[[], object], what: str = "it") -> None:
    """The same where an event loop runs."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        await asyncio.sleep(0.005)
