"""How the node is doing: what health events say beyond what others count."""

import time
from collections import deque
from collections.abc import Iterable

from core.load import ProcessLoad
from core.model import SAMPLE_RATE_HZ, Reading
from core.sound.utterance import Utterance
from core.wire.health import HealthEvent, SinkHealth, StreamHealth, Tuning, WorkerHealth
from core.wire.values import timestamp
from core.worker import WorkerStatus
from monitor.label import labelled
from monitor.percentile import percentile

_UTTERANCES = 200
"""Those that latencies are told of."""
FAILURES = 5
"""Utterances in a row on which the model fails until it counts as failed; a single one may be an odd sound."""


class Vitals:
    """Latencies of the last utterances, load of this program, time since its start.

    Args:
        node: Its name.
    """

    def __init__(self, node: str) -> None:
        self._node = node
        self._started_s = time.monotonic()
        self._load = ProcessLoad()
        self._failed_in_a_row = 0
        self._compute_ms: deque[float] = deque(maxlen=_UTTERANCES)
        self._hangover_ms: deque[float] = deque(maxlen=_UTTERANCES)

    @property
    def is_failing(self) -> bool:
        """Whether the model is at work and has failed on so many utterances in a row that it is of no use."""
        return self._failed_in_a_row >= FAILURES

    def note_reading(self, utterance: Utterance, reading: Reading, compute_s: float) -> None:
        """An utterance was read in this time; interim readings count for nothing here."""
        if utterance.final:
            if reading.failed:
                self._failed_in_a_row += 1
            elif reading.distribution is not None:  # what says nothing shows nothing of the model either
                self._failed_in_a_row = 0
            self._compute_ms.append(1000 * compute_s)
            self._hangover_ms.append(1000 * utterance.hangover / SAMPLE_RATE_HZ)

    def note_model(self) -> None:
        """Another model is at work."""
        self._failed_in_a_row = 0

    def event(
        self,
        *,
        streams: Iterable[StreamHealth],
        worker: WorkerStatus,
        queued: int,
        sinks: Iterable[SinkHealth],
        tuning: Tuning,
        recording: str | None,
    ) -> HealthEvent:
        """Everything there is to say right now; `queued` utterances wait for the worker."""
        compute_ms, hangover_ms = list(self._compute_ms), list(self._hangover_ms)
        load = self._load.measure()
        works = not self.is_failing or worker.state not in {"ready", "busy"}
        return HealthEvent(
            node=self._node,
            at=timestamp(time.time()),
            uptime_s=round(time.monotonic() - self._started_s, 3),
            streams=tuple(streams),
            worker=WorkerHealth(
                state=worker.state if works else "failed",
                model=worker.model,
                device=worker.device,
                generation=worker.generation,
                restarts=worker.restarts,
                queued=queued,
                rss_mb=round(worker.rss_mb, 1),
                cpu_percent=_rounded(worker.cpu_percent),
                gpu_mb=worker.gpu_mb,
                remote=worker.remote,
            ),
            sinks=tuple(sinks),
            latency_p50_ms=_rounded(percentile(compute_ms, 50)),
            latency_p95_ms=_rounded(percentile(compute_ms, 95)),
            latency_p99_ms=_rounded(percentile(compute_ms, 99)),
            hangover_p50_ms=_rounded(percentile(hangover_ms, 50)),
            rss_mb=_rounded(load.rss_mb),
            cpu_percent=_rounded(load.cpu_percent),
            tuning=tuning,
            recording=recording,
        )


def account(stream: StreamHealth) -> str:
    """The two sums of a stream in one line for people."""
    name = labelled(stream.source, stream.name)
    dropped = "".join(f" + {count / SAMPLE_RATE_HZ:.1f} s {reason}" for reason, count in stream.dropped.items())
    lost = "".join(f" + {count} dropped ({reason})" for reason, count in stream.segments_dropped.items())
    lost += f" + {stream.in_flight} in flight" if stream.in_flight else ""
    return (
        f"{name}: {stream.captured / SAMPLE_RATE_HZ:.1f} s = {stream.silence / SAMPLE_RATE_HZ:.1f} s silence"
        f" + {stream.segmented / SAMPLE_RATE_HZ:.1f} s speech{dropped}; "
        f"{stream.segments} utterances = {stream.published} read + {stream.failed} without reading{lost}"
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
