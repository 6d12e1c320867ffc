"""`emotion-monitor bench end-to-end`: from the last sample that somebody speaks to a subscriber of the embedded broker.

The real program, all its processes, fed in real time through standard input; a subscriber as any other. Twice: with
readings begun within the hangover, and without. Time is monotonic and the same for all processes.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import aiomqtt
import numpy as np

from core.errors import UsageError
from core.model import SAMPLE_RATE_HZ
from core.settings import Settings
from core.sound.audio import read_audio
from core.sound.frames import samples_in
from core.wire.events import UtteranceEvent, decode
from core.wire.health import HealthEvent
from monitor.bench.footprint import Family
from monitor.bench.machine import machine
from monitor.bench.outcome import Outcome, Ratio
from monitor.bench.percentiles import Percentiles
from monitor.bench.program import headless, login
from monitor.broker_ports import HOST, USER
from monitor.sources.opening import SAMPLE
from monitor.sources.pace import Pace
from monitor.sources.source import BLOCK_S

_READY_S, _END_S, _ARRIVAL_S = 120.0, 30.0, 20.0
_SILENCE_S = 1.5
"""After the speech: more than a hangover, so that the last utterance ends by it."""
_EAGER = "EMOTION_MONITOR_SEGMENTER__EAGER_AFTER_S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One run; only utterances that silence ended, for a forced cut has no last word.

    `wait_ms` is from the end of the hangover, by the sender's clock, to the subscriber; `event_ms` from there, by the
    program's own, until it had made the event; `rest_ms` is the wait without the model: transport in, segmenter, queue,
    pipes, encoding, broker. Where the reading was there already, that is all of the wait.
    """

    eager: bool
    utterances: int
    wait_ms: Percentiles
    event_ms: Percentiles
    reading_ms: Percentiles
    rest_ms: Percentiles
    hangover_ms: float
    early: int
    discarded: int
    discarded_s: float
    model_s: float
    """What the model was at work for the readings that were told, interim ones included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and where."""

    machine: str
    sound_s: float
    rows: tuple[Row, ...]


@dataclass(slots=True)
class _Run:
    """What was sent when, and what came when."""

    sent_s: list[float] = field(default_factory=list)
    """Moment at which each block was complete."""
    arrived: list[tuple[float, UtteranceEvent]] = field(default_factory=list)
    read: list[UtteranceEvent] = field(default_factory=list)
    health: HealthEvent | None = None


def measure(settings: Settings, flags: Sequence[str], *, sound_s: float) -> Outcome:
    """Runs the program twice.

    Args:
        settings: As the program will have them.
        flags: More words for `emotion-monitor run`.
        sound_s: Length of the sound of each run.

    Raises:
        EmotionMonitorError: It did not start, end or publish.
    """
    rows, faults, readings, model = [], [], [], None
    after_s = settings.segmenter.eager_after_s or settings.segmenter.post_pad_s
    for eager_after_s in (0.0, after_s):
        run = asyncio.run(_run(flags, eager_after_s, sound_s))
        rows.append(_row(run, settings, eager=eager_after_s > 0))
        faults += _faults(run, eager=eager_after_s > 0)
        readings.append([(event.start_s, event.end_s, event.distribution, event.smoothed) for _, event in run.arrived])
        model = run.arrived[-1][1].model if run.arrived else model
    if readings[0] != readings[1]:
        faults.append("readings differ with and without those begun early")
    late, early = rows
    ratios = {"rest": Ratio(late.rest_ms.p50 / late.reading_ms.p50)} if late.reading_ms.p50 else {}
    if late.wait_ms.p50:
        ratios["eager"] = Ratio(early.wait_ms.p50 / late.wait_ms.p50)
    report = Report(machine=machine(), sound_s=sound_s, rows=tuple(rows))
    return Outcome(bench="end-to-end", measured=report, text=_table(report), ratios=ratios, faults=faults, model=model)


async def _run(flags: Sequence[str], eager_after_s: float, sound_s: float) -> _Run:
    run = _Run()
    settings = {
        _EAGER: str(eager_after_s),
        "EMOTION_MONITOR_OUTPUT__JSONL_EVENTS": "utterance,health",
        "EMOTION_MONITOR_OUTPUT__JSONL_INTERIM": "true",
        "EMOTION_MONITOR_MODEL__ABSTAIN": "false",  # a refusal costs less than a reading
    }
    async with headless(flags, settings) as program:
        ready = asyncio.Event()
        reading = asyncio.create_task(_read(program, run, ready))
        async with asyncio.timeout(_READY_S):
            await ready.wait()
        configuration = Family(program.pid).broker_configuration()
        if configuration is None:
            msg = "the program runs no embedded broker"
            raise UsageError(msg, hint="leave --mqtt out: this measures the embedded one")
        port, password = login(configuration)
        async with aiomqtt.Client(HOST, port, username=USER, password=password) as client:
            await client.subscribe("+/+/+/utterance", qos=1)
            subscriber = asyncio.create_task(_subscribe(client, run))
            await _feed(program, run, sound_s)
            await _all_arrived(run)
            subscriber.cancel()
            await asyncio.wait({subscriber})
        assert program.stdin is not None  # noqa: S101 - a pipe was asked for
        program.stdin.close()
        async with asyncio.timeout(_END_S):
            await reading
            await program.wait()
    return run


async def _read(program: asyncio.subprocess.Process, run: _Run, ready: asyncio.Event) -> None:
    assert program.stdout is not None  # noqa: S101 - a pipe was asked for
    try:
        async for line in program.stdout:
            match decode(line):
                case UtteranceEvent() as event:
                    run.read.append(event)
                case HealthEvent() as health:
                    run.health = health
                    if health.worker.state in {"ready", "busy"}:
                        ready.set()
    finally:
        ready.set()


async def _subscribe(client: aiomqtt.Client, run: _Run) -> None:
    async for message in client.messages:
        now_s = time.monotonic()
        event = decode(bytes(message.payload))
        if isinstance(event, UtteranceEvent) and event.final:
            run.arrived.append((now_s, event))


async def _feed(program: asyncio.subprocess.Process, run: _Run, sound_s: float) -> None:
    """Speech in real time, and silence after it, so that the last utterance ends by silence too."""
    stdin = program.stdin
    assert stdin is not None  # noqa: S101 - a pipe was asked for
    speech, pace, size = read_audio(SAMPLE), Pace(1.0), round(BLOCK_S * SAMPLE_RATE_HZ)
    samples = round(sound_s * SAMPLE_RATE_HZ)
    silence = np.zeros(round(_SILENCE_S * SAMPLE_RATE_HZ), np.int16)
    sound = np.concatenate((speech.take(np.arange(samples), mode="wrap"), silence))
    with suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, len(sound), size):
            await pace.wait_until(start + size)
            run.sent_s.append(time.monotonic())
            stdin.write(sound[start : start + size].astype("<i2").tobytes())
            await stdin.drain()


async def _all_arrived(run: _Run) -> None:
    """Until a health event that came later says that nothing is on its way, and the subscriber has it all."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_ARRIVAL_S):
            for _ in count():
                health, run.health = run.health, None
                streams = health.streams if health else ()
                read = sum(stream.published + stream.failed for stream in streams)
                under_way = any(stream.in_flight or stream.pending > SAMPLE_RATE_HZ for stream in streams)
                if streams and not under_way and len(run.arrived) >= read:
                    return
                await asyncio.sleep(1.1)


def _row(run: _Run, settings: Settings, *, eager: bool) -> Row:
    frame = samples_in(settings.vad.frame_ms)
    pad = round(settings.segmenter.post_pad_s * SAMPLE_RATE_HZ / frame) * frame
    waits_ms, events_ms, readings_ms, rests_ms, hangovers_ms = [], [], [], [], []
    for at_s, event in run.arrived:
        latency = event.latency_ms
        if not latency.hangover:
            continue
        last_word = round(event.end_s * SAMPLE_RATE_HZ) - pad
        over = last_word + round(latency.hangover / 1000 * SAMPLE_RATE_HZ)
        block = -(-over // round(BLOCK_S * SAMPLE_RATE_HZ)) - 1
        if block >= len(run.sent_s):
            continue
        wait_ms = (at_s - run.sent_s[block]) * 1000
        reading_ms = latency.features + latency.llm
        waits_ms.append(wait_ms)
        events_ms.append(latency.total - latency.hangover)
        readings_ms.append(reading_ms)
        hangovers_ms.append(latency.hangover)
        is_early = latency.total - latency.hangover < reading_ms
        rests_ms.append(wait_ms if is_early else wait_ms - reading_ms)
    stream = run.health.streams[0] if run.health and run.health.streams else None
    return Row(
        eager=eager,
        utterances=len(waits_ms),
        wait_ms=Percentiles.of(waits_ms),
        event_ms=Percentiles.of(events_ms),
        reading_ms=Percentiles.of(readings_ms),
        rest_ms=Percentiles.of(rests_ms),
        hangover_ms=max(hangovers_ms, default=0.0),
        early=stream.eager_used if stream else 0,
        discarded=stream.eager_discarded if stream else 0,
        discarded_s=stream.eager_discarded_s if stream else 0.0,
        model_s=round(sum(event.latency_ms.features + event.latency_ms.llm for event in run.read) / 1000, 2),
    )


def _faults(run: _Run, *, eager: bool) -> list[str]:
    name = "with early readings" if eager else "without early readings"
    streams = run.health.streams if run.health else ()
    read = sum(stream.published + stream.failed for stream in streams)
    said = {
        "nothing arrived": not run.arrived,
        f"{read} utterances were read and {len(run.arrived)} arrived": read != len(run.arrived),
        "an utterance was dropped": any(stream.segments_dropped for stream in streams),
        "a sum does not add up": not all(stream.adds_up for stream in streams),
        "readings were begun early": not eager and any(stream.eager_begun for stream in streams),
    }
    return [f"{name}: {fault}" for fault, holds in said.items() if holds]


def _table(measured: Report) -> str:
    rows = [
        f"{'yes' if row.eager else 'no':<26} {row.utterances:>10} {row.wait_ms!s:>15} {row.event_ms!s:>15} "
        f"{row.reading_ms!s:>15} {row.rest_ms!s:>13} {row.early:>6} {row.discarded:>8} "
        f"{row.model_s:>7.1f} + {row.discarded_s:.1f} s"
        for row in measured.rows
    ]
    heads = f"{'begun within the hangover':<26} {'utterances':>10} {'wait':>15} {'event':>15} {'reading':>15} "
    hangover_ms = max(row.hangover_ms for row in measured.rows)
    lines = [
        f"on {measured.machine}; {measured.sound_s:.0f} s of speech in real time; p50 / p95 in ms",
        "",
        f"{heads}{'rest':>13} {'early':>6} {'in vain':>8} {'model at work':>14}",
        *rows,
        "",
        f"wait: from the end of the hangover ({hangover_ms:.0f} ms of silence) to a subscriber of the embedded broker",
        "event: until the program had made it. rest: the wait without the model",
        "model at work: for readings that were told + for those in vain",
    ]
    return "\n".join(lines)
