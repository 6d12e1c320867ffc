"""The events of a tape once more, as lines for other programs."""

import asyncio
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress

from core.command_line import INTERRUPTED
from core.errors import UsageError
from core.settings import OutputSettings
from monitor.recordings.tape import Tape
from monitor.replay.player import Player
from monitor.signals import on_end
from monitor.sinks.jsonl import JsonlSink

EVERYTHING = OutputSettings(
    jsonl_events=("utterance", "drop", "error", "state", "health", "level", "tokens", "note"), jsonl_interim=True
)
"""A replay gives again all that its file holds."""
LOOK_S = 1.0


async def emit(tape: Tape, specs: Sequence[str], *, speed: float, from_s: float) -> int:
    """Gives the events to sinks until the tape or their readers end, or a signal comes; returns the exit status.

    Args:
        tape: What to play.
        specs: `jsonl` or `jsonl:PATH` each.
        speed: How much faster than real time; math.inf: as fast as they are taken.
        from_s: What lies before is left out.

    Raises:
        UsageError: A sink cannot be opened, or the file cannot be read any more.
    """
    signals: list[signal.Signals] = []
    stopped = asyncio.Event()
    sinks = [JsonlSink(spec, EVERYTHING, lossless=True) for spec in specs]

    def stop(number: signal.Signals) -> None:
        signals.append(number)
        stopped.set()
        for sink in sinks:
            sink.hurry()

    on_end(stop)
    try:
        async with AsyncExitStack() as stack:
            for sink in sinks:
                await stack.enter_async_context(sink)
            await _play(tape, sinks, stopped, speed=speed, from_s=from_s)
    except OSError as error:
        msg = f"cannot read on in {tape.path}: {error.strerror}"
        raise UsageError(msg) from error
    if signal.SIGINT in signals:
        return INTERRUPTED
    return int(any(sink.failed for sink in sinks))


async def _play(tape: Tape, sinks: Sequence[JsonlSink], stopped: asyncio.Event, *, speed: float, from_s: float) -> None:
    timed = (
        (step.place.timing.position_s, step.event)
        for step in tape.steps()
        if step.event is not None and step.place.timing.position_s >= from_s
    )
    player = Player(timed, speed=speed, position_s=from_s, now_s=time.monotonic())
    while not player.ended and not _nobody_reads(sinks):
        for _, event in player.due(time.monotonic()):
            for sink in sinks:
                await sink.send(event)
            if stopped.is_set() or _nobody_reads(sinks):
                return
        with suppress(TimeoutError):
            async with asyncio.timeout(min(player.wait_s(time.monotonic()), LOOK_S)):
                await stopped.wait()


def _nobody_reads(sinks: Sequence[JsonlSink]) -> bool:
    return all(sink.health().state == "closed" for sink in sinks)
