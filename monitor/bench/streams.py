"""`emotion-monitor bench streams`: many microphones at once, each saying something else, through one model.

The program's own pipeline in this process, with the inference process it starts; no broker. Each stream is the shipped
speech from another place on, and its blocks come at other moments than those of the others.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ
from core.settings import Settings
from core.sound.audio import read_audio
from core.wire.events import Event, ModelStamp, UtteranceEvent
from core.wire.health import HealthEvent, SinkHealth
from monitor.bench.machine import machine
from monitor.bench.outcome import Outcome, Ratio
from monitor.bench.percentiles import Percentiles
from monitor.percentile import percentile
from monitor.pipeline import Pipeline
from monitor.sources.opening import SAMPLE
from monitor.sources.pace import Pace
from monitor.sources.source import BLOCK_S, AudioBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """So many streams at once.

    `wait_ms` is from the end of the hangover, or a forced cut, to the event; `reading_ms` what the model took of it.
    `early` were read within the hangover, `discarded` so and in vain, for `discarded_s` of the model's time.
    """

    streams: int
    utterances: int
    interims: int
    wait_ms: Percentiles
    reading_ms: Percentiles
    batch: float
    """Utterances read at once, on average."""
    early: int
    discarded: int
    discarded_s: float
    dropped: dict[str, int]
    in_time: bool
    """Whether p95 of `wait_ms` is within the deadline and no utterance was dropped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was measured, and where."""

    machine: str
    sound_s: float
    """Of each stream."""
    deadline_ms: float
    rows: tuple[Row, ...]


def measure(settings: Settings, *, streams: Sequence[int], sound_s: float, deadline_ms: float) -> Outcome:
    """Measures with each number of streams, one after the other."""
    settings = replace(settings, mqtt=replace(settings.mqtt, url="off"))
    settings = replace(settings, model=replace(settings.model, abstain=False))  # a refusal costs less than a reading
    rows, amiss, model = [], [], None
    for number in streams:
        heard = asyncio.run(_listen(settings, number, sound_s))
        rows.append(_row(heard, number, deadline_ms))
        amiss += faults(heard, number)
        model = heard.model or model
    report = Report(machine=machine(), sound_s=sound_s, deadline_ms=deadline_ms, rows=tuple(rows))
    ratios = {
        f"wait_{row.streams}": Ratio(row.wait_ms.p95 / row.reading_ms.p50) for row in rows if row.reading_ms.p50 > 0
    }
    return Outcome(bench="streams", measured=report, text=_table(report), ratios=ratios, faults=amiss, model=model)


class _Rotated:
    """Implements `Source`: speech from some place on, again and again, in real time."""

    realtime = True

    def __init__(self, speech: NDArray[np.int16], *, start: int, delay_s: float, sound_s: float, number: int) -> None:
        self.name = f"speech:{number}"
        self.label: str | None = None
        self.notices: list[str] = []
        self._speech = speech
        self._start = start
        self._delay_s = delay_s
        self._samples = round(sound_s * SAMPLE_RATE_HZ)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    def hold(self, *, held: bool) -> bool:  # noqa: ARG002 - see `Source`
        """See `Source`: people go on talking."""
        return False

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        await asyncio.sleep(self._delay_s)
        pace, size = Pace(1.0), round(BLOCK_S * SAMPLE_RATE_HZ)
        for at in range(0, self._samples, size):
            await pace.wait_until(at + size)
            places = np.arange(self._start + at, self._start + min(at + size, self._samples))
            yield AudioBlock(self._speech.take(places, mode="wrap"))


@dataclass(slots=True)
class Heard:
    """Implements `Sink`: keeps what a run said."""

    name: str = "bench"
    readings: list[UtteranceEvent] = field(default_factory=list)
    health_events: list[HealthEvent] = field(default_factory=list)

    @property
    def model(self) -> ModelStamp | None:
        """What read last."""
        return self.readings[-1].model if self.readings else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, event: Event) -> None:
        """See `Sink`."""
        if isinstance(event, UtteranceEvent):
            self.readings.append(event)
        elif isinstance(event, HealthEvent):
            self.health_events.append(event)

    def hurry(self) -> None:
        """See `Sink`."""

    def health(self) -> SinkHealth:
        """See `Sink`."""
        return SinkHealth(name=self.name, state="ok", detail="", queued=0, dropped=0)


async def _listen(settings: Settings, streams: int, sound_s: float) -> Heard:
    speech = read_audio(SAMPLE)
    sources = [
        _Rotated(
            speech,
            start=number * len(speech) // streams,
            delay_s=number * BLOCK_S / streams,
            sound_s=sound_s,
            number=number,
        )
        for number in range(streams)
    ]
    heard = Heard()
    await Pipeline(settings, sources, [heard]).run()
    return heard


def _row(heard: Heard, streams: int, deadline_ms: float) -> Row:
    final = [event for event in heard.readings if event.final]
    waits_ms = [event.latency_ms.total - event.latency_ms.hangover for event in final]
    last = heard.health_events[-1].streams
    dropped: Counter[str] = Counter()
    for stream in last:
        dropped.update(stream.segments_dropped)
    p95_ms = percentile(waits_ms, 95)
    return Row(
        streams=streams,
        utterances=len(final),
        interims=len(heard.readings) - len(final),
        wait_ms=Percentiles.of(waits_ms),
        reading_ms=Percentiles.of([event.latency_ms.features + event.latency_ms.llm for event in final]),
        batch=round(float(np.mean([event.batch or 1 for event in heard.readings] or [0])), 2),
        early=sum(stream.eager_used for stream in last),
        discarded=sum(stream.eager_discarded for stream in last),
        discarded_s=round(sum(stream.eager_discarded_s for stream in last), 2),
        dropped=dict(dropped),
        in_time=p95_ms is not None and p95_ms <= deadline_ms and not dropped,
    )


def faults(heard: Heard, streams: int) -> list[str]:
    """What must not be, on any machine: drops, utterances without a reading, sums that do not hold."""
    last = heard.health_events[-1].streams
    dropped = sum(sum(stream.segments_dropped.values()) for stream in last)
    read = sum(stream.published + stream.failed for stream in last)
    told = sum(event.final for event in heard.readings)
    said = {
        "nothing was read": not told,
        f"{dropped} utterances were dropped": dropped > 0,
        "a sum does not add up": not all(stream.adds_up for event in heard.health_events for stream in event.streams),
        f"{read} utterances were read and {told} told": read != told,
        "utterances without a reading": any(stream.failed for stream in last),
    }
    return [f"{streams} streams: {fault}" for fault, holds in said.items() if holds]


def _table(measured: Report) -> str:
    heads = f"{'streams':>7} {'utterances':>11} {'wait':>15} {'reading':>15} {'batch':>6} {'early':>6} {'in vain':>8} "
    lines = [
        f"on {measured.machine}; {measured.sound_s:.0f} s of speech in each stream; p50 / p95 in ms",
        "",
        f"{heads}{'dropped':>8} {'in time':>8}",
    ]
    lines += [
        f"{row.streams:>7} {row.utterances:>11} {row.wait_ms!s:>15} {row.reading_ms!s:>15} {row.batch:>6.2f} "
        f"{row.early:>6} {row.discarded:>8} {sum(row.dropped.values()):>8} {'yes' if row.in_time else 'no':>8}"
        for row in measured.rows
    ]
    notes = [
        "",
        f"in time: p95 of the wait within {measured.deadline_ms:g} ms, and nothing dropped",
        "wait: from the end of the hangover, or from a forced cut, to the event; interim readings are read as well",
    ]
    return "\n".join(lines + notes)
