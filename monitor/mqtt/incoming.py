"""Messages that ask something of us."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import aiomqtt

from core import tasks
from monitor.mqtt.messages import Message

logger = logging.getLogger(__name__)

CAPACITY = 64
MOST_GOING = 16
"""Commands that may be on their way at once; those after them wait in the queue."""
PATIENCE_S = 1.0
"""A command that takes longer, such as one that loads a model, does not hold up those after it: a pause above all."""


class CommandHandler(Protocol):
    """Does what is asked on the command topic."""

    async def handle(self, message: aiomqtt.Message) -> Message | None:
        """Takes one message; gives the answer to publish, if there is one."""


class Commands:
    """Hands messages to a handler, one after the other, and its answers on; nobody else waits for it.

    The next one waits for the one before it, but no longer than PATIENCE_S. A full queue turns new messages away and
    counts them.

    Args:
        handler: Takes the messages.
        answer: Takes the answers.
    """

    def __init__(self, handler: CommandHandler, answer: Callable[[Message], None]) -> None:
        self.turned_away = 0
        self._handler = handler
        self._answer = answer
        self._queue: asyncio.Queue[aiomqtt.Message] = asyncio.Queue(CAPACITY)

    def push(self, message: aiomqtt.Message) -> None:
        """Takes a message, or turns it away."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            self.turned_away += 1

    async def run(self) -> None:
        """Until cancelled."""
        going: set[asyncio.Task[None]] = set()
        try:
            while True:
                if len(going) >= MOST_GOING:
                    await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
                task = tasks.start(self._handle(await self._queue.get()), name="command")
                going.add(task)
                task.add_done_callback(going.discard)
                await asyncio.wait({task}, timeout=PATIENCE_S)
        finally:
            for task in going:
                task.cancel()

    async def _handle(self, message: aiomqtt.Message) -> None:
        try:
            answer = await self._handler.handle(message)
        except Exception:  # a defect of ours costs a command, not the connection
            logger.exception("a command failed unexpectedly")
            return
        if answer is not None:
            self._answer(answer)
