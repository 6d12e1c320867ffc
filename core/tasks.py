"""Tasks that run beside the flow of the program, for which nobody waits: none of them ends unseen.

What is waited for needs neither of the two: its failure is its owner's.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from core.errors import EmotionMonitorError

log = logging.getLogger(__name__)

Work = Coroutine[Any, Any, None]

RESTART_S = (1.0, 60.0)
"""First and longest pause before work that failed begins again."""

_going: set[asyncio.Task[None]] = set()
"""The event loop itself holds tasks only weakly."""


def start(work: Work, *, name: str) -> asyncio.Task[None]:
    """Work that is done once; should it fail, the log says so at once."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _going.add(task)
    task.add_done_callback(_bury)
    return task


def keep(work: Callable[[], Work], *, name: str, restart_s: tuple[float, float] = RESTART_S) -> asyncio.Task[None]:
    """Work that goes on until it returns or is cancelled; should it fail, the log says so and it begins again."""
    return start(_keep(work, name, restart_s), name=name)


async def _keep(work: Callable[[], Work], name: str, restart_s: tuple[float, float]) -> None:
    clock = asyncio.get_running_loop().time
    first_s, longest_s = restart_s
    pause_s = first_s
    while True:
        began_s = clock()
        try:
            return await work()
        except Exception as error:  # noqa: BLE001 - whatever it was, the work is still to be done
            pause_s = first_s if clock() - began_s > longest_s else pause_s
            _report(name, error, f"; it begins again in {pause_s:g} s")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, longest_s)


def _bury(task: asyncio.Task[None]) -> None:
    _going.discard(task)
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _report(task.get_name(), error)


def _report(name: str, error: BaseException, outlook: str = "") -> None:
    if isinstance(error, EmotionMonitorError):
        log.error("%s failed: %s%s", name, error.one_line(), outlook)
    else:
        log.error("%s failed unexpectedly: %r%s", name, error, outlook, exc_info=error)
