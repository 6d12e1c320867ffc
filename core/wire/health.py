"""Whether a node works: the health event and its parts. How they may change, see `core.wire.events`."""

from dataclasses import dataclass, field
from typing import Literal

from core.wire.values import Integer, Timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHealth:
    """The sums of one stream.

    Samples: captured = silence + segmented + pending + sum(dropped). Utterances: segments = published + failed +
    in_flight + sum(segments_dropped). Readings begun within a hangover, which are no utterances: eager_begun =
    eager_used + eager_discarded + at most one that is being read or waits for its utterance to be over.
    """

    stream: str
    source: str
    state: Literal["opening", "listening", "paused", "ended", "failed"]
    """A microphone that is away is `failed`, and `listening` again once it is back."""
    captured: Integer = 0
    """Samples, at 16 kHz."""
    silence: Integer = 0
    segmented: Integer = 0
    pending: Integer = 0
    """Samples held by the segmenter that are not yet one or the other."""
    dropped: dict[str, Integer] = field(default_factory=dict)
    """Reason to samples."""
    segments: Integer = 0
    published: Integer = 0
    failed: Integer = 0
    in_flight: Integer = 0
    segments_dropped: dict[str, Integer] = field(default_factory=dict)
    """Reason to utterances."""
    name: str | None = None
    """What the user calls the source; null: nothing."""
    eager_begun: Integer = 0
    """Readings begun before it was certain that the utterance was over."""
    eager_used: Integer = 0
    """Those that became the utterance's reading."""
    eager_discarded: Integer = 0
    """Those thrown away, mostly because speech went on; the utterance was read later, when it was over."""
    eager_discarded_s: float = 0.0
    """What the model was at work for them."""

    @property
    def adds_up(self) -> bool:
        """Whether the sums hold."""
        samples = self.silence + self.segmented + self.pending + sum(self.dropped.values())
        segments = self.published + self.failed + self.in_flight + sum(self.segments_dropped.values())
        eager = self.eager_begun - self.eager_used - self.eager_discarded
        return self.captured == samples and self.segments == segments and eager in {0, 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteHealth:
    """Who reads elsewhere, and what became of what they were asked.

    owned = answered + refused + expired + in_flight.
    """

    broker: str
    """Its address, and what is wrong with it."""
    site: str
    workers: tuple[str, ...]
    """Those that read with the model that is asked; none: utterances wait for one."""
    in_flight: Integer = 0
    owned: Integer = 0
    """Utterances to be read elsewhere, interim ones included."""
    answered: Integer = 0
    refused: Integer = 0
    """The broker would not take them."""
    expired: Integer = 0
    """Not answered in time: they have no reading."""
    resent: Integer = 0
    """Attempts beyond the first ones."""
    declined: Integer = 0
    """Times that a worker passed one on to another."""
    duplicates: Integer = 0
    """Results that came again."""
    late: Integer = 0
    """Results that nobody waited for any more."""
    strangers: Integer = 0
    """Results that cannot be read, or are of what was not asked here: somebody else writes where only workers may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerHealth:
    """The inference process: its model, device, and how often it had to be started again."""

    state: Literal["starting", "ready", "busy", "restarting", "stopped", "failed"]
    model: str
    device: str
    generation: Integer
    """How many processes there have been, this one included: another model has one of its own."""
    queued: Integer
    rss_mb: float
    restarts: Integer | None = None
    """How many of them took the place of one that had failed."""
    cpu_percent: float | None = None
    """Of one core, since the health event before."""
    gpu_mb: float | None = None
    """Memory it holds on the GPU; null without one."""
    remote: RemoteHealth | None = None
    """Null where a process of this machine reads. Else `restarting` means that nobody does, and the numbers of the
    process are 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What can be changed while the program runs, as it is now."""

    vad_mode: Integer
    """0 lets most through, 3 is the most careful about calling a frame speech."""
    tau_s: float
    """Time constant of the moving average; 0: none."""
    model: str
    """Name or folder, as the settings have it."""
    prompt: str
    """`auto`: the model folder's default."""
    readout: str
    """Likewise."""
    explain: bool
    """Whether the model writes its answer out for tokens events where the read-out does not need it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkHealth:
    """One sink: `detail` is a short text for people, such as the broker's address."""

    name: str
    state: Literal["starting", "ok", "degraded", "closed"]
    detail: str
    queued: Integer
    """Events that wait."""
    dropped: Integer
    """Events that are lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthEvent:
    """Whether the node works: sums per stream, worker, sinks, latency of the last utterances."""

    node: str
    at: Timestamp
    uptime_s: float
    streams: tuple[StreamHealth, ...]
    worker: WorkerHealth
    sinks: tuple[SinkHealth, ...]
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    """Compute after the hangover, over the last 200 utterances."""
    latency_p99_ms: float | None = None
    hangover_p50_ms: float | None = None
    """Silence waited for at the end of the same utterances; 0 for those that were cut."""
    rss_mb: float | None = None
    """Memory of the program without the worker."""
    cpu_percent: float | None = None
    """Of one core, without the worker, since the health event before."""
    tuning: Tuning | None = None
    recording: str | None = None
    """Name of the file that events are being recorded in; null: nothing is."""
    schema: Literal["emotion-monitor/health/1"] = "emotion-monitor/health/1"
