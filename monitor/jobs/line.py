"""One connection to the broker after the other, for as long as it takes."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from core import tasks
from core.errors import BrokerError
from monitor.mqtt.connection import Connection, Connector, LoginRefusedError

log = logging.getLogger(__name__)

RECONNECT_S = (0.5, 4.0)
REFUSED_S = 30.0
"""Longest pause when the login was refused: that does not heal by itself, and brokers count attempts."""
STABLE_S = 5.0
"""A connection that lasted longer is not part of a series of failures."""
END_S = 1.0
"""Time given to an attempt to connect when all ends."""


class Line:
    """Connects, serves, and connects again.

    Args:
        connector: Makes connections.
        url: Of the broker, for the log.
        serve: Uses a connection until it is lost (BrokerError).
        reconnect_s: Shortest and longest pause between two attempts; chance decides within them.

    Attributes:
        trouble: Why there is no connection; None: there is one, or the first is being made.
    """

    def __init__(
        self,
        connector: Connector,
        url: str,
        serve: Callable[[Connection], Awaitable[None]],
        *,
        reconnect_s: tuple[float, float] = RECONNECT_S,
    ) -> None:
        self.trouble: str | None = None
        self._connector = connector
        self._url = url
        self._serve = serve
        self._reconnect_s = reconnect_s
        self._closing = asyncio.Event()
        self._is_serving = False
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begins."""
        self._task = tasks.keep(self._run, name="jobs")

    async def close(self) -> None:
        """Ends it; a connection is left without a goodbye, so that its will is said."""
        self._closing.set()
        if self._task is None:
            return
        if self._is_serving:
            self._task.cancel()
        done, _ = await asyncio.wait({self._task}, timeout=END_S)
        if not done:
            self._task.cancel()  # it leaves a half-open connection behind, which ends with the program
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        failures = 0
        while not self._closing.is_set():
            began_s, longest_s = clock(), self._reconnect_s[1]
            try:
                async with self._connector.connect() as connection:
                    if self._closing.is_set():
                        return
                    self._tell(None)
                    self._is_serving = True
                    try:
                        await self._serve(connection)
                    finally:
                        self._is_serving = False
            except LoginRefusedError as error:
                self._tell(str(error))
                longest_s = max(longest_s, REFUSED_S)
            except BrokerError as error:
                self._tell(str(error))
            failures = 0 if clock() - began_s > STABLE_S else failures
            longest_s = min(longest_s, self._reconnect_s[0] * 2.0 ** min(failures, 30))
            failures += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(0, longest_s)):  # noqa: S311
                    await self._closing.wait()

    def _tell(self, trouble: str | None) -> None:
        if trouble is None:
            log.info("jobs: connected (%s)", self._url)
        elif trouble != self.trouble:
            log.warning("jobs: %s (%s)", trouble, self._url)
        self.trouble = trouble
