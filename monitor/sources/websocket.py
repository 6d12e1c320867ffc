"""Sound that another program, or a browser, sends over a WebSocket."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Self

import numpy as np

from core.model import SAMPLE_RATE_HZ
from core.settings import WebSocketSettings
from monitor.sources.pace import Pace
from monitor.sources.source import BLOCK_S, AudioBlock, Speed
from monitor.websocket.address import ListenAddress
from monitor.websocket.connection import Connection
from monitor.websocket.protocol import Sound
from monitor.websocket.server import WebSocketServer

STALL_S = 1.0
"""A client that sends nothing for so long is silent: what was being spoken is over."""
_BLOCK = round(BLOCK_S * SAMPLE_RATE_HZ)
_WHOLE = 960
"""60 ms, a multiple of every frame the voice detector takes: a client's sound begins with a frame, as a file does."""
_LONGEST_SILENCE = SAMPLE_RATE_HZ


class WebSocketSource:
    """Plays what the clients of a server send, one after the other. Implements `Source`; never ends by itself.

    While nobody sends anything the stream is silent, so that its clock stays the clock on the wall. Sound that a client
    sent too fast, or that waited for longer than 30 s, is lost and counted. At speed "max" the client waits instead,
    and the stream's clock counts sound only.

    Args:
        address: Where the server listens.
        settings: Who may connect, and the limits.
        speed: Multiple of real time at which sound may come.

    Attributes:
        server: To be entered before the sinks' other work is done, and left last; entered by the source otherwise.
    """

    def __init__(self, address: ListenAddress, settings: WebSocketSettings, *, speed: Speed = 1.0) -> None:
        self.label: str | None = None
        self.realtime = speed != "max"
        self.notices: list[str] = []
        self.server = WebSocketServer(
            address, settings, speed=math.inf if speed == "max" else speed, patient=not self.realtime
        )
        self.name = self.server.name
        self._pace = Pace(speed)
        self._position = 0
        self._framed_from = 0  # where the voice detector's frames are counted from: the last end or loss
        self._sounded_s: float | None = None  # when sound last came, while there is any

    async def __aenter__(self) -> Self:
        self._owns_server = not self.server.is_open
        await self.server.__aenter__()
        self.server.listen()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.server.ignore()
        if self._owns_server:
            await self.server.__aexit__(*exc_info)

    def hold(self, *, held: bool) -> bool:  # noqa: ARG002 - see `Source`
        """See `Source`: clients are live, except at speed "max"."""
        return not self.realtime

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        """See `Source`."""
        self._pace.position()
        while True:
            self.server.changed.clear()
            connection = self.server.connection
            if connection is not None:
                async for block in self._sound(connection):
                    yield block
            for block in self._silence():
                yield block
                await asyncio.sleep(0)
            with suppress(TimeoutError):  # not by wait_for, which can lose a cancellation in Python 3.11
                async with asyncio.timeout(BLOCK_S if self.realtime else None):
                    await self.server.changed.wait()

    async def _sound(self, connection: Connection) -> AsyncIterator[AudioBlock]:
        """What a client has sent until now; the end of its speech, if it has ended."""
        while (sound := connection.take()) is not None:
            if self._sounded_s is None:
                yield self._filled((self._framed_from - self._position) % _WHOLE)
                connection.utterances.clock.resume(self._position, connection.played)
            self._sounded_s = time.monotonic()
            connection.played += sound.lost + len(sound.samples)
            for block in self._pieces(sound):
                yield block
                await asyncio.sleep(0)
        if connection.over and not connection.heard_out.is_set():
            if self._sounded_s is not None:
                yield self._ending()
            connection.was_heard_out()

    def _pieces(self, sound: Sound) -> list[AudioBlock]:
        self._position += sound.lost
        self._framed_from = self._position if sound.lost else self._framed_from
        self._position += len(sound.samples)
        starts = range(0, max(len(sound.samples), 1), _BLOCK)
        return [AudioBlock(sound.samples[at : at + _BLOCK], 0 if at else sound.lost) for at in starts]

    def _silence(self) -> list[AudioBlock]:
        """What is missing until now, while no sound comes."""
        if self._sounded_s is not None:
            if time.monotonic() - self._sounded_s < STALL_S or not self.realtime:
                return []
            return [self._ending()]
        missing = self._pace.position() - self._position
        if not self.realtime or missing < _BLOCK:
            return []
        return [self._filled(min(round(missing), _LONGEST_SILENCE))]

    def _filled(self, samples: int) -> AudioBlock:
        self._position += samples
        return AudioBlock(np.zeros(samples, np.int16))

    def _ending(self) -> AudioBlock:
        self._sounded_s = None
        self._framed_from = self._position
        return AudioBlock(np.empty(0, np.int16), ends=True)
