"""PortAudio: found, kept quiet, kept from blocking, and asked what microphones there are."""

import asyncio
import concurrent.futures
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from core.errors import AudioError, UsageError
from monitor.sources.stderr import quiet_stderr

T = TypeVar("T")

_lock = threading.Lock()
_listings = itertools.count()
_held: set[int] = set()
"""Ids of the streams that are open: PortAudio finds devices anew only where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Microphone:
    """An input device.

    `index` is PortAudio's number of it, good for this process only. `label` names it where names alone are not unique.
    """

    name: str
    host_api: str
    default_rate_hz: float
    channels: int
    is_default: bool
    index: int

    @property
    def label(self) -> str:
        """Name and host API."""
        return f"{self.name}, {self.host_api}"


@contextmanager
def portaudio() -> Iterator[Any]:
    """Gives the sounddevice module, to one thread at a time.

    Raises:
        AudioError: The PortAudio library is missing.
    """
    with _lock:
        try:
            import sounddevice
        except (ImportError, OSError) as error:
            msg = "the PortAudio library is missing"
            raise AudioError(msg, hint="on Debian and Ubuntu: apt install libportaudio2") from error
        yield sounddevice


def hold(stream: object) -> None:
    """Notes that a stream is open; called while PortAudio is had."""
    _held.add(id(stream))


def release(stream: object) -> None:
    """Notes that it is closed."""
    _held.discard(id(stream))


def in_thread(work: Callable[[], T]) -> asyncio.Future[T]:
    """Runs `work` in a thread that the program does not wait for at its end: a sound server may hang for a minute."""
    result: concurrent.futures.Future[T] = concurrent.futures.Future()
    result.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is awaited
            result.set_exception(error)

    threading.Thread(target=run, name="portaudio", daemon=True).start()
    return asyncio.wrap_future(result)


def list_microphones() -> list[Microphone]:
    """Lists the input devices there are, in PortAudio's order; while one is open, those there were before it was.

    Raises:
        AudioError: The PortAudio library is missing.
    """
    with quiet_stderr, portaudio() as sounddevice:
        if next(_listings) and not _held:  # PortAudio looks for devices only when it starts
            sounddevice._terminate()  # noqa: SLF001 - there is no other way
            sounddevice._initialize()  # noqa: SLF001
        apis = sounddevice.query_hostapis()
        default = sounddevice.default.device[0]
        return [
            Microphone(
                name=device["name"],
                host_api=apis[device["hostapi"]]["name"],
                default_rate_hz=device["default_samplerate"],
                channels=device["max_input_channels"],
                is_default=device["index"] == default,
                index=device["index"],
            )
            for device in sounddevice.query_devices()
            if device["max_input_channels"] > 0
        ]


def find_microphone(name: str | None) -> Microphone:
    """Finds the default microphone, or the one with that name or label, or the only one whose name contains it.

    Raises:
        UsageError: No microphone, or more than one, fits the name; the message lists what there is.
        AudioError: There is no microphone at all, or the PortAudio library is missing.
    """
    microphones = list_microphones()
    if name is None:
        fitting = [microphone for microphone in microphones if microphone.is_default]
    else:
        fitting = matching(microphones, name)
    if len(fitting) == 1:
        return fitting[0]
    there_are = "; ".join(microphone.label for microphone in microphones)
    if not microphones:
        msg = "no microphone found"
        raise AudioError(msg, hint="connect one, or use --source file:PATH")
    if name is None:
        msg = "there is no default microphone"
        raise AudioError(msg, hint=f"choose one with --source mic:NAME; there are: {there_are}")
    if fitting:
        msg = f"more than one microphone fits {name!r}: {'; '.join(microphone.label for microphone in fitting)}"
        raise UsageError(msg, hint="give more of the name")
    msg = f"no microphone is called {name!r}"
    raise UsageError(msg, hint=f"there are: {there_are}")


def matching(microphones: list[Microphone], name: str) -> list[Microphone]:
    """Those that the name fits best: exactly, else as a part of the label without regard to case."""
    exact = [microphone for microphone in microphones if name in {microphone.name, microphone.label}]
    return exact or [microphone for microphone in microphones if name.casefold() in microphone.label.casefold()]
