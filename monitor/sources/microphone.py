"""A microphone, captured through PortAudio."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.errors import AudioError
from core.model import SAMPLE_RATE_HZ
from core.sound.mono import ToMono16k
from monitor.backlog import BACKLOG_S, Backlog
from monitor.sources.gaps import GapMeter
from monitor.sources.portaudio import Microphone, hold, in_thread, portaudio, release
from monitor.sources.source import BLOCK_S, AudioBlock
from monitor.sources.stderr import quiet_stderr

OPEN_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 1.0
STALL_S = 1.0
"""A microphone that is silent still delivers zeros; one that delivers nothing for so long is gone."""


class MicrophoneSource:
    """Captures from an input device. Implements `Source`; entering it waits for the first sound.

    Sound that waits for longer than 30 s to be taken is lost and counted, as is what the device itself lost.

    Args:
        microphone: From `find_microphone`.

    Attributes:
        lost: Samples lost so far, at 16 kHz.
        overflows: How often the device said that it had to discard sound.

    Raises:
        AudioError: On entering, if it cannot be opened or delivers nothing; from `blocks`, when it is gone.
    """

    def __init__(self, microphone: Microphone) -> None:
        self.name = f"mic:{microphone.name}"
        self.label: str | None = None
        self.realtime = True
        self.notices: list[str] = []
        self.lost = 0
        self.overflows = 0
        self._microphone = microphone
        self._stream: Any = None
        self._last_sound_s: float | None = None
        self._finished = False

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        opening = in_thread(self._open)
        try:
            with quiet_stderr:
                async with asyncio.timeout(OPEN_TIMEOUT_S):
                    await asyncio.shield(opening)
                    await self._wake.wait()
        except TimeoutError as error:
            self._abandon(opening)
            msg = f"microphone {self._microphone.name} delivers no sound"
            raise AudioError(msg, hint="another program may hold it; `emotion-monitor devices` lists others") from error
        except BaseException:
            self._abandon(opening)
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await in_thread(self._close)

    def hold(self, *, held: bool) -> bool:  # noqa: ARG002 - see `Source`
        """See `Source`: people go on talking."""
        return False

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        """See `Source`."""
        to_mono = ToMono16k(self._rate_hz, self._channels)  # ours alone: a thread that still closes must not keep it
        while True:
            self._wake.clear()
            ended = self._finished
            while taken := self._backlog.pop():
                frames, lost_frames = taken
                lost = round(lost_frames * SAMPLE_RATE_HZ / self._rate_hz)
                self.lost += lost
                yield AudioBlock(to_mono.push(np.divide(frames, 32768, dtype=np.float32)), lost)
            if ended or await self._is_gone():
                msg = f"microphone {self._microphone.name} stopped delivering sound"
                raise AudioError(msg, hint="it may have been unplugged, or the sound server has ended")

    async def _is_gone(self) -> bool:
        """Waits for sound; True if there was none for too long."""
        started_s = time.monotonic()
        try:
            async with asyncio.timeout(STALL_S):
                await self._wake.wait()
        except TimeoutError:
            # If this wait took far too long, it was this process that slept, not the microphone.
            return not self._wake.is_set() and time.monotonic() - started_s < 2 * STALL_S
        return False

    def _open(self) -> None:
        with portaudio() as sounddevice:
            try:
                self._rate_hz, self._channels = _choose_format(sounddevice, self._microphone)
                self._backlog = Backlog(round(BACKLOG_S * self._rate_hz))
                self._gaps = GapMeter(self._rate_hz)
                self._stream = sounddevice.InputStream(
                    device=self._microphone.index,
                    samplerate=self._rate_hz,
                    channels=self._channels,
                    dtype="int16",
                    blocksize=round(BLOCK_S * self._rate_hz),
                    callback=self._on_sound,
                    finished_callback=self._on_finished,
                )
                hold(self._stream)
                self._stream.start()
            except sounddevice.PortAudioError as error:
                msg = f"microphone {self._microphone.name} cannot be opened: {error}"
                raise AudioError(msg, hint="another program may hold it") from error

    def _close(self) -> None:
        if self._stream is not None:
            with portaudio():
                self._stream.close(ignore_errors=True)
                release(self._stream)

    def _abandon(self, opening: asyncio.Future[None]) -> None:
        """Closes what was or is yet to be opened, without waiting for it."""

        def close(opened: asyncio.Future[None]) -> None:
            opened.exception()
            in_thread(self._close)

        opening.add_done_callback(close)

    # The two below run in PortAudio's thread: they copy, count and wake, nothing else.

    def _on_sound(self, frames: NDArray[np.int16], count: int, times: Any, status: Any) -> None:
        now_s = time.monotonic()
        overflow = bool(status.input_overflow)
        self.overflows += overflow
        recorded_s = times.inputBufferAdcTime or now_s  # some drivers give 0
        lost = self._gaps.push(arrived_s=now_s, recorded_s=recorded_s, frames=count, overflow=overflow)
        self._backlog.push(frames.copy(), lost)
        self._wake_loop()

    def _on_finished(self) -> None:
        self._finished = True
        self._wake_loop()

    def _wake_loop(self) -> None:
        with suppress(RuntimeError):  # the loop has ended first
            self._loop.call_soon_threadsafe(self._wake.set)


def _choose_format(sounddevice: Any, microphone: Microphone) -> tuple[int, int]:
    """The first (rate, channels) that the device accepts: 16 kHz mono, else as near to its own as need be."""
    rates_hz = (SAMPLE_RATE_HZ, round(microphone.default_rate_hz))
    channel_counts = sorted({min(count, microphone.channels) for count in (1, 2, microphone.channels)})
    formats = [(rate_hz, channels) for channels in channel_counts for rate_hz in rates_hz]
    for rate_hz, channels in formats[:-1]:
        with suppress(sounddevice.PortAudioError):
            sounddevice.check_input_settings(
                device=microphone.index, channels=channels, dtype="int16", samplerate=rate_hz
            )
            return rate_hz, channels
    return formats[-1]  # if this is refused too, opening it says why
