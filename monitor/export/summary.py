"""A session in numbers: what the one-page summary says."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from core.distribution import EmotionDistribution
from core.model import SAMPLE_RATE_HZ
from core.verdict import Clarity, clarity
from core.wire.events import LatencyMs, ModelStamp, UtteranceEvent
from monitor.export.session import Session
from monitor.losses import Lost
from monitor.percentile import percentile

BINS = 10
"""Of the histogram of entropy, from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """Of some times, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float

    @classmethod
    def of(cls, values_ms: Iterable[float]) -> Self:
        """Of at least one time, linear between neighbours."""
        times_ms = list(values_ms)
        p50_ms, p95_ms, p99_ms = (percentile(times_ms, percent) or 0.0 for percent in (50, 95, 99))
        return cls(p50_ms=p50_ms, p95_ms=p95_ms, p99_ms=p99_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What can be said of a session at a glance."""

    readings: tuple[UtteranceEvent, ...]
    """Utterances with a reading."""
    no_readings: dict[str, int]
    """Reason to utterances for which the model gave none, most frequent first."""
    lost: dict[str, Lost]
    """Reason to sound that never reached the model."""
    stamps: dict[ModelStamp, int]
    """What read, and how many utterances."""
    speech_s: float
    """Of all utterances together."""
    mean: EmotionDistribution | None
    """Mean of the readings, each counting alike."""
    entropies: tuple[int, ...]
    """Readings by entropy, in BINS from 0 to 1."""
    mixed: int
    """Readings whose first two emotions are close, or that are unclear."""
    latencies: dict[str, Percentiles]
    """Part of the time from the last voiced frame to the reading, to its percentiles; empty without utterances."""


def summarised(session: Session) -> Summary:
    """The numbers of a session."""
    readings = tuple(event for event in session.utterances if event.status == "ok" and event.distribution)
    invalid = Counter(event.reason or "not said" for event in session.utterances if not event.distribution)
    distributions = [event.distribution for event in readings if event.distribution]
    return Summary(
        readings=readings,
        no_readings=dict(invalid.most_common()),
        lost=_lost(session),
        stamps=dict(Counter(event.model for event in session.utterances).most_common()),
        speech_s=sum(event.end_s - event.start_s for event in session.utterances),
        mean=mean(distributions),
        entropies=_histogram([distribution.entropy for distribution in distributions]),
        mixed=sum(clarity(one) <= Clarity.MIXED for one in distributions),
        latencies=_latencies([event.latency_ms for event in session.utterances]),
    )


def mean(
    distributions: Sequence[EmotionDistribution], weights: Sequence[float] | None = None
) -> EmotionDistribution | None:
    """Their weighted mean; None without any, or where they weigh nothing."""
    weights = [1.0] * len(distributions) if weights is None else weights
    if sum(weights) <= 0:
        return None
    columns = zip(*distributions, strict=True)
    sums = [sum(p * weight for p, weight in zip(column, weights, strict=True)) for column in columns]
    return EmotionDistribution.from_weights(sums)


def _histogram(entropies: Iterable[float]) -> tuple[int, ...]:
    counts = Counter(min(int(entropy * BINS), BINS - 1) for entropy in entropies)
    return tuple(counts[place] for place in range(BINS))


def _latencies(parts: Sequence[LatencyMs]) -> dict[str, Percentiles]:
    if not parts:
        return {}
    return {
        "silence waited for": Percentiles.of(part.hangover for part in parts),
        "waiting for the model": Percentiles.of(part.queue for part in parts),
        "audio encoder": Percentiles.of(part.features for part in parts),
        "language model": Percentiles.of(part.llm for part in parts),
        "all after the silence": Percentiles.of(part.total - part.hangover for part in parts),
        "all": Percentiles.of(part.total for part in parts),
    }


def _lost(session: Session) -> dict[str, Lost]:
    """By drop events, raised to what health counted: some losses are only counted."""
    lost: dict[str, Lost] = {}
    for drop in session.drops:
        before = lost.get(drop.reason, Lost())
        lost[drop.reason] = Lost(times=before.times + 1, seconds=before.seconds + max(drop.end_s - drop.start_s, 0.0))
    times: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for stream in session.health.streams if session.health else ():
        times.update(stream.segments_dropped)
        seconds.update({reason: samples / SAMPLE_RATE_HZ for reason, samples in stream.dropped.items()})
    for reason in dict.fromkeys([*times, *seconds]):
        most = lost.get(reason, Lost()).raised_to(Lost(times=times[reason], seconds=seconds[reason]))
        if most != Lost():
            lost[reason] = most
    return lost
