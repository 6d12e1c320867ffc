"""The real program, its own processes and all, fed with speech for so long, watched and read along with."""

import asyncio
import itertools
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiomqtt
import numpy as np

from core.model import SAMPLE_RATE_HZ
from core.sound.audio import read_audio
from core.wire.events import DropEvent, ErrorEvent, UtteranceEvent, decode
from core.wire.health import HealthEvent
from monitor.bench.footprint import Family, Series
from monitor.bench.program import headless, login
from monitor.broker_ports import HOST, USER
from monitor.sources.opening import SAMPLE
from monitor.sources.pace import Pace
from monitor.sources.source import BLOCK_S

END_S = 30.0
"""Given to the program to end once it has heard all."""
_KINDS = {"EMOTION_MONITOR_OUTPUT__JSONL_EVENTS": "utterance,drop,error,health"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much sound it hears, how fast, and how often it is looked at."""

    sound_s: float
    simulated: bool
    """As fast as it goes, and time is that of the sound; else as if spoken."""
    every_s: float


@dataclass(slots=True)
class Heard:
    """What the program said of itself, and what a subscriber of its embedded broker got."""

    utterances: int = 0
    drops: int = 0
    errors: list[str] = field(default_factory=list)
    unequal: int = 0
    """Health events in which a sum of a stream did not hold."""
    health: HealthEvent | None = None
    fed: int = 0
    """Samples given to it."""
    messages: int | None = None
    """Got by the subscriber; None: there was no embedded broker."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of the program."""

    heard: Heard
    series: list[Series]
    wall_s: float


async def run(plan: Plan, flags: Sequence[str]) -> Trial:
    """Plays the shipped speech to the program again and again.

    Args:
        plan: How long and how fast.
        flags: More words for `emotion-monitor run`.

    Raises:
        UsageError: The program cannot do what it was asked to.
        EmotionMonitorError: It failed, or did not end.
    """
    speed = ("--speed", "max" if plan.simulated else "1")
    async with headless([*speed, *flags], _KINDS) as program:
        trial = await _watch(program, plan)
        async with asyncio.timeout(END_S):
            await program.wait()
    return trial


async def _watch(program: asyncio.subprocess.Process, plan: Plan) -> Trial:
    heard, family, ready = Heard(), Family(program.pid), asyncio.Event()
    reading = asyncio.create_task(_read(program, heard, ready))
    await ready.wait()
    began_s = time.monotonic()
    subscribing = asyncio.create_task(_subscribe(family.broker_configuration(), heard))
    feeding = asyncio.create_task(_feed(program, plan, heard))
    try:
        while not feeding.done():
            await asyncio.wait({feeding}, timeout=plan.every_s)
            if not feeding.done():  # then it is about to end
                at_s = heard.fed / SAMPLE_RATE_HZ if plan.simulated else time.monotonic() - began_s
                family.sample(at_s)
        wall_s = time.monotonic() - began_s
        await feeding
    finally:
        for task in (feeding, subscribing):
            task.cancel()
        await asyncio.wait({feeding, subscribing})
    async with asyncio.timeout(END_S):
        await reading
    return Trial(heard, family.series, wall_s)


async def _feed(program: asyncio.subprocess.Process, plan: Plan, heard: Heard) -> None:
    """Gives it the sound; one that has ended needs no more."""
    stdin = program.stdin
    assert stdin is not None  # noqa: S101 - a pipe was asked for
    speech, pace = read_audio(SAMPLE), Pace("max" if plan.simulated else 1.0)
    samples, block = round(plan.sound_s * SAMPLE_RATE_HZ), round(BLOCK_S * SAMPLE_RATE_HZ)
    with suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, samples, block):
            stop = min(start + block, samples)
            await pace.wait_until(stop)
            stdin.write(speech.take(np.arange(start, stop), mode="wrap").astype("<i2").tobytes())
            await stdin.drain()
            heard.fed = stop
    stdin.close()


async def _read(program: asyncio.subprocess.Process, heard: Heard, ready: asyncio.Event) -> None:
    """Counts its events; `ready` once its model is, or once there is nothing more to wait for."""
    assert program.stdout is not None  # noqa: S101 - a pipe was asked for
    try:
        async for line in program.stdout:
            match decode(line):
                case UtteranceEvent(final=True):
                    heard.utterances += 1
                case DropEvent():
                    heard.drops += 1
                case ErrorEvent() as error:
                    heard.errors.append(error.message)
                case HealthEvent() as health:
                    heard.health = health
                    heard.unequal += not all(stream.adds_up for stream in health.streams)
                    if health.worker.state in {"ready", "busy"}:
                        ready.set()
    finally:
        ready.set()


async def _subscribe(configuration: Path | None, heard: Heard) -> None:
    """Reads along at the embedded broker, which keeps messages only for somebody."""
    if configuration is None:
        return
    port, password = login(configuration)
    try:
        async with aiomqtt.Client(HOST, port, username=USER, password=password) as client:
            await client.subscribe("#", qos=1)
            for heard.messages in itertools.count():
                await anext(client.messages)
    except aiomqtt.MqttError as error:
        heard.errors.append(f"the subscriber lost the embedded broker: {error}")
