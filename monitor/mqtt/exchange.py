"""What is said and heard on the connections of a node."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from core.errors import BrokerError
from monitor.clock import steady_s
from monitor.mqtt.connection import Connection, Publication, PublishRefusedError
from monitor.mqtt.incoming import Commands
from monitor.mqtt.messages import Message, Topics, availability_message, claim_message
from monitor.mqtt.outgoing import Entry, Outgoing
from monitor.mqtt.tenure import Tenure
from monitor.mqtt.tolerance import TRIES, Tolerance

logger = logging.getLogger(__name__)

WINDOW = 20
"""Publications in flight; as many as brokers take from a client unless told otherwise. Of one that takes fewer, some of
them wait in the client."""
LIVES_S = 1.0
"""A connection that has lasted so long, and has nothing left to answer, lives."""
OBJECT_S = 1.0
"""Time that another monitor of the same name has to say that it is there."""


class Exchange:
    """Uses one connection after the other: claims the node, publishes what waits, and listens.

    On each connection, in this order: subscribe, claim the node, what is retained in the order it was first pushed,
    what has queued up. Several publications are in flight at once; the broker gets them in order. One that may be what
    ended the connections before is in flight by itself, see `Tolerance`.

    Args:
        topics: Of the node.
        outgoing: What waits.
        tenure: Our hold on the node.
        commands: Takes what arrives on the command topic.

    Attributes:
        refused: Topic to reason, from when the broker refuses a message until it takes one there.
        is_serving: Whether there is a connection.
    """

    def __init__(self, topics: Topics, outgoing: Outgoing, tenure: Tenure, commands: Commands | None) -> None:
        self.refused: dict[str, str] = {}
        self.is_serving = False
        self._topics = topics
        self._outgoing = outgoing
        self._tenure = tenure
        self._commands = commands
        self._tolerance = Tolerance()
        self._unanswered: asyncio.Queue[tuple[Entry, Publication]]
        self._wake = asyncio.Event()
        self._established: Connection | None = None
        self._finishing = False
        self._heard_itself = asyncio.Event()
        self._seems_taken = False
        self._left_behind: set[str] = set()

    def push(self, message: Message) -> None:
        """Takes a message to publish, now or on the next connection."""
        self._outgoing.push(message, steady_s())
        self._wake.set()

    def tell(self, message: Message) -> None:
        """Says a message of QoS 0 on a connection on which the node is ours; without one it is gone."""
        if self._established is None:
            return
        try:
            self._established.tell(message, steady_s())
        except PublishRefusedError as error:
            self._outgoing.dropped[error.reason] += 1
            self._note_refusal(message.topic, error)

    def refill(self, entries: list[Entry]) -> None:
        """Takes what an earlier run has left."""
        self._outgoing.refill(entries)
        self._wake.set()

    def finish(self) -> None:
        """From now on, what waits is the last."""
        self._finishing = True
        self._wake.set()

    def ask_again(self) -> None:
        """On the next connection, only asks whether the node is free, and takes it if it is."""
        self._tenure.ask_again()
        self._heard_itself.clear()

    async def serve(self, connection: Connection, established: Callable[[], None]) -> None:
        """Uses a connection until everything is said after `finish`, or another monitor has the node.

        Args:
            connection: New.
            established: Called when the node is ours.

        Raises:
            BrokerError: The connection is lost.
        """
        self._outgoing.restore()
        self._tolerance.begin()
        self._unanswered = asyncio.Queue(WINDOW - 2)  # beside the one looked at and the one about to be put in
        self.refused.clear()
        self.is_serving = True
        work = (self._receive(connection), self._speak(connection, established), self._settle())
        tasks = [asyncio.create_task(each) for each in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.is_serving = False
            self._established = None
            await _end(tasks)
        try:
            for task in done:
                task.result()
        except BrokerError:
            self._tolerance.lose()
            raise
        if self._tenure.yields:
            await self._withdraw(connection)

    async def _speak(self, connection: Connection, established: Callable[[], None]) -> None:
        await self._take_node(connection)
        self._established = connection
        established()
        while True:
            self._wake.clear()
            now = steady_s()
            entry = self._outgoing.next(now)
            if entry is not None:
                await self._send(entry, connection)
            elif self._finishing:
                break
            else:
                await self._wake.wait()
        await self._unanswered.join()
        await self._withdraw(connection)
        await connection.publish(availability_message("offline", self._topics), steady_s())

    async def _send(self, entry: Entry, connection: Connection) -> None:
        size = entry.message.size
        if self._tolerance.refuses(size):
            self._refuse(entry, PublishRefusedError(_why_too_large(entry.message, self._tolerance), reason="too large"))
            return
        is_doubtful = self._tolerance.doubts(size)
        if is_doubtful:
            await self._unanswered.join()
            await asyncio.sleep(LIVES_S)
        self._tolerance.send(size)
        await self._unanswered.put((entry, connection.send(entry.message, steady_s())))
        if is_doubtful:
            await self._unanswered.join()

    async def _take_node(self, connection: Connection) -> None:
        for topic in (self._topics.availability, self._topics.claim):
            await connection.subscribe(topic)
        if not self._tenure.holds:
            await connection.subscribe(self._topics.state_of_any_stream)
        try:
            await connection.publish(claim_message(self._tenure.claim(), self._topics), steady_s())
        except PublishRefusedError as error:
            logger.info("this node may have more than one monitor: %s", error)
        else:
            # What the broker had retained on these topics is here before our own claim is.
            with suppress(TimeoutError):
                async with asyncio.timeout(OBJECT_S):
                    await self._heard_itself.wait()
        if not self._tenure.holds:
            if self._seems_taken:
                await asyncio.sleep(OBJECT_S)
            self._tenure.take()
            await connection.unsubscribe(self._topics.state_of_any_stream)
            for topic in self._left_behind:
                self.push(Message(topic=topic, payload=b"", retain=True))
            self._left_behind.clear()
        if self._commands is not None:
            await connection.subscribe(self._topics.command)

    async def _settle(self) -> None:
        while True:
            entry, publication = await self._unanswered.get()
            try:
                await publication.acknowledged()
            except PublishRefusedError as error:
                self._tolerance.settle(entry.message.size, taken=False)
                self._refuse(entry, error)
            else:
                self._tolerance.settle(entry.message.size, taken=True)
                self._outgoing.acknowledge(entry)
                self.refused.pop(entry.message.topic, None)
            self._unanswered.task_done()

    def _refuse(self, entry: Entry, error: PublishRefusedError) -> None:
        self._outgoing.refuse(entry, error.reason)
        self._note_refusal(entry.message.topic, error)

    def _note_refusal(self, topic: str, error: PublishRefusedError) -> None:
        if topic not in self.refused:
            logger.warning("%s", error)
        self.refused[topic] = str(error)

    async def _withdraw(self, connection: Connection) -> None:
        """Leaves no state behind."""
        for message in self._outgoing.withdraw():
            with suppress(PublishRefusedError):
                await connection.publish(message, steady_s())

    async def _receive(self, connection: Connection) -> None:
        async for message in connection.messages():
            payload = message.payload if isinstance(message.payload, bytes) else b""
            topic = str(message.topic)
            if topic == self._topics.availability:
                self._hear_availability(payload, retained=bool(message.retain))
            elif topic == self._topics.claim:
                self._hear_claim(payload, connection)
                if self._tenure.yields:
                    return
            elif topic == self._topics.command and self._commands is not None:
                self._commands.push(message)
            elif message.retain and payload and not self._tenure.holds:
                self._left_behind.add(topic)

    def _hear_availability(self, payload: bytes, *, retained: bool) -> None:
        if retained and not self._tenure.holds:
            self._seems_taken = payload in {b"online", b"degraded"}
        elif payload == b"offline" and not retained and not self._finishing:
            # A broker may take a while to notice that the connection of an earlier run of this node is dead, and then
            # publishes its will over our `online`.
            self._repeat_availability()

    def _hear_claim(self, payload: bytes, connection: Connection) -> None:
        answer = self._tenure.hear(payload)
        if self._tenure.heard_itself:
            self._heard_itself.set()
        if answer is not None:
            connection.send(claim_message(answer, self._topics), steady_s())
            if self._tenure.holds:
                self._repeat_availability()  # the other may have said its own

    def _repeat_availability(self) -> None:
        self._outgoing.repeat(self._topics.availability)
        self._wake.set()


def _why_too_large(message: Message, tolerance: Tolerance) -> str:
    return (
        f"{message.topic!r} cannot be published: {message.size} bytes; {TRIES} times in a row the broker has ended the"
        f" connection at a message of {tolerance.too_large} bytes, larger than any that it took"
    )


async def _end(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancels tasks until they have ended; Python 3.11's wait_for, which aiomqtt uses, may lose a cancellation."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.1)
    await asyncio.gather(*tasks, return_exceptions=True)  # or asyncio reports that nobody looked at their exceptions
