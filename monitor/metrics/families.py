"""From a health event to Prometheus's metrics. No I/O, and nothing is measured here. docs/metrics.md names them all.

No label and no value says who was heard, what was said or how it sounded: sources are told by their kind, not by the
name of a file or device, sinks without their paths, and readings are not in a health event at all.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Literal, TypeAlias, get_args

from prometheus_client.metrics_core import Metric

from core.model import SAMPLE_RATE_HZ
from core.wire.health import HealthEvent, RemoteHealth, SinkHealth, StreamHealth, WorkerHealth
from monitor.wire_time import epoch_s

PREFIX = "emotion_monitor"

Labels: TypeAlias = dict[str, str]
Sample: TypeAlias = tuple[Labels, float | None]
"""A number and its labels; None: it is not known, and left out."""


def families(event: HealthEvent) -> Iterator[Metric]:
    """Every metric, with the samples that the event has a number for."""
    node: Labels = {}
    yield _gauge("health_timestamp_seconds", "When these numbers were taken, Unix time.", [(node, epoch_s(event.at))])
    yield _gauge("uptime_seconds", "Time since the program started.", [(node, event.uptime_s)])
    yield _gauge("recording", "1 while events are recorded in a file.", [(node, float(event.recording is not None))])
    yield from _sound([(_labels_of(stream), stream) for stream in event.streams])
    yield from _utterances([(_labels_of(stream), stream) for stream in event.streams])
    yield from _latencies(event)
    yield from _worker(event.worker)
    yield from _processes(event)
    yield from _sinks(list(zip(_sink_labels(event.sinks), event.sinks, strict=True)))


def _sound(streams: list[tuple[Labels, StreamHealth]]) -> Iterator[Metric]:
    """Captured = silence + segmented + pending + sum(dropped)."""
    for name, text, samples in (
        ("captured", "Sound that came.", [(labels, each.captured) for labels, each in streams]),
        ("silence", "Sound between utterances.", [(labels, each.silence) for labels, each in streams]),
        ("segmented", "Sound in utterances.", [(labels, each.segmented) for labels, each in streams]),
        ("dropped", "Sound that was lost or left out, by reason.", _by_reason(streams, "dropped")),
    ):
        yield _counter(f"{name}_audio_seconds", text, [(labels, _seconds(count)) for labels, count in samples])
    pending = [(labels, _seconds(each.pending)) for labels, each in streams]
    yield _gauge("pending_audio_seconds", "Sound that the segmenter holds.", pending)


def _utterances(streams: list[tuple[Labels, StreamHealth]]) -> Iterator[Metric]:
    """Utterances = published + failed + in flight + sum(dropped)."""
    for name, text, samples in (
        ("utterances", "Utterances that the segmenter made.", [(labels, each.segments) for labels, each in streams]),
        ("published_utterances", "Those with a reading.", [(labels, each.published) for labels, each in streams]),
        ("failed_utterances", "Those without one.", [(labels, each.failed) for labels, each in streams]),
        ("dropped_utterances", "Those not read, by reason.", _by_reason(streams, "segments_dropped")),
    ):
        yield _counter(name, text, samples)
    in_flight: list[Sample] = [(labels, each.in_flight) for labels, each in streams]
    yield _gauge("in_flight_utterances", "Those that wait or are being read.", in_flight)
    yield from _early_readings(streams)
    balanced: list[Sample] = [(labels, float(each.adds_up)) for labels, each in streams]
    yield _gauge("accounts_balanced", "1 if the sums of the stream hold.", balanced)
    yield _states("stream", StreamHealth, [(labels, each.state) for labels, each in streams])


def _early_readings(streams: list[tuple[Labels, StreamHealth]]) -> Iterator[Metric]:
    """Those begun within a hangover; they are no utterances."""
    fates: list[Sample] = [
        ({**labels, "fate": fate}, count)
        for labels, each in streams
        for fate, count in (("used", each.eager_used), ("discarded", each.eager_discarded))
    ]
    yield _counter("early_readings", "Readings begun within the hangover, by what became of them.", fates)
    discarded_s: list[Sample] = [(labels, each.eager_discarded_s) for labels, each in streams]
    yield _counter("discarded_compute_seconds", "What the model was at work for those thrown away.", discarded_s)


def _latencies(event: HealthEvent) -> Iterator[Metric]:
    computed = {"0.5": event.latency_p50_ms, "0.95": event.latency_p95_ms, "0.99": event.latency_p99_ms}
    waited = {"0.5": event.hangover_p50_ms}
    for name, text, by_quantile in (
        ("latency_seconds", "Compute after the hangover, over the last 200 utterances.", computed),
        ("hangover_seconds", "Silence waited for at the end of the same utterances.", waited),
    ):
        samples = [({"quantile": quantile}, _scaled(ms, 1e-3)) for quantile, ms in by_quantile.items()]
        yield _gauge(name, text, samples)


def _worker(worker: WorkerHealth) -> Iterator[Metric]:
    node: Labels = {}
    yield _states("worker", WorkerHealth, [(node, worker.state)])
    yield _gauge("worker_generation", "Inference processes so far, this one included.", [(node, worker.generation)])
    yield _counter("worker_restarts", "Those that took a failed one's place.", [(node, worker.restarts)])
    yield _gauge("worker_queued_utterances", "Utterances that wait for the model.", [(node, worker.queued)])
    gpu_bytes = [(node, _scaled(worker.gpu_mb, 1e6))]
    yield _gauge("worker_gpu_memory_bytes", "Memory that the inference process holds on the GPU.", gpu_bytes)
    yield from _remote([worker.remote] if worker.remote else [])


def _remote(remote: list[RemoteHealth]) -> Iterator[Metric]:
    """Owned = answered + refused + expired + in flight; nothing where the worker is here."""
    node: Labels = {}
    workers: list[Sample] = [(node, len(each.workers)) for each in remote]
    yield _gauge("remote_workers", "Workers elsewhere that read for this node.", workers)
    fates: list[Sample] = [
        ({"fate": fate}, getattr(each, fate)) for each in remote for fate in ("answered", "refused", "expired")
    ]
    yield _counter("remote_utterances", "Utterances that were to be read elsewhere, by what became of them.", fates)
    in_flight: list[Sample] = [(node, each.in_flight) for each in remote]
    yield _gauge("remote_in_flight_utterances", "Those that are not answered yet.", in_flight)
    yield _counter("remote_resent", "Attempts beyond the first of each.", [(node, each.resent) for each in remote])
    repeated: list[Sample] = [(node, each.duplicates + each.late) for each in remote]
    yield _counter("remote_repeated_results", "Results that came again, or too late.", repeated)
    strange: list[Sample] = [(node, each.strangers) for each in remote]
    yield _counter("remote_strange_results", "Results that cannot be read, or are of what was not asked here.", strange)


def _processes(event: HealthEvent) -> Iterator[Metric]:
    program, worker = {"process": "program"}, {"process": "worker"}
    memory = [(program, _scaled(event.rss_mb, 1e6)), (worker, _scaled(event.worker.rss_mb, 1e6))]
    yield _gauge("resident_memory_bytes", "Resident memory of each process.", memory)
    load = [(program, _scaled(event.cpu_percent, 1e-2)), (worker, _scaled(event.worker.cpu_percent, 1e-2))]
    yield _gauge("cpu_usage_ratio", "Share of one core that each process used since the health event before.", load)


def _sinks(sinks: list[tuple[Labels, SinkHealth]]) -> Iterator[Metric]:
    queued: list[Sample] = [(labels, each.queued) for labels, each in sinks]
    yield _gauge("sink_queued_events", "Events that wait; of the sink mqtt, the outbox.", queued)
    yield _counter("sink_dropped_events", "Events that are lost.", [(labels, each.dropped) for labels, each in sinks])
    yield _states("sink", SinkHealth, [(labels, each.state) for labels, each in sinks])


def _labels_of(stream: StreamHealth) -> Labels:
    return {"stream": stream.stream, "kind": _kind(stream.source)}


def _sink_labels(sinks: Iterable[SinkHealth]) -> Iterator[Labels]:
    """Their kinds, with a number from the second of a kind on."""
    seen = Counter[str]()
    for sink in sinks:
        kind = _kind(sink.name)
        seen[kind] += 1
        yield {"sink": kind if seen[kind] == 1 else f"{kind}-{seen[kind]}"}


def _kind(name: str) -> str:
    """`mic` of `mic:USB Audio`, `jsonl` of `jsonl:PATH`."""
    return name.partition(":")[0]


def _by_reason(
    streams: list[tuple[Labels, StreamHealth]], counts: Literal["dropped", "segments_dropped"]
) -> list[tuple[Labels, int]]:
    return [
        ({**labels, "reason": reason}, count)
        for labels, each in streams
        for reason, count in getattr(each, counts).items()
    ]


def _states(part: str, of: type[StreamHealth | WorkerHealth | SinkHealth], parts: list[tuple[Labels, str]]) -> Metric:
    """A 1 for the state that each part is in, a 0 for every other."""
    known = get_args(of.__dataclass_fields__["state"].type)
    samples = [({**labels, "state": state}, float(state == now)) for labels, now in parts for state in known]
    return _gauge(f"{part}_state", f"1 for the state of the {part}, 0 for the others.", samples)


def _counter(name: str, text: str, samples: Iterable[Sample]) -> Metric:
    return _metric("counter", name, text, samples)


def _gauge(name: str, text: str, samples: Iterable[Sample]) -> Metric:
    return _metric("gauge", name, text, samples)


def _metric(kind: Literal["counter", "gauge"], name: str, text: str, samples: Iterable[Sample]) -> Metric:
    metric = Metric(f"{PREFIX}_{name}", text, kind)
    for labels, value in samples:
        if value is not None:
            metric.add_sample(metric.name + ("_total" if kind == "counter" else ""), labels, value)
    return metric


def _seconds(samples: int) -> float:
    return samples / SAMPLE_RATE_HZ


def _scaled(value: float | None, by: float) -> float | None:
    return None if value is None else value * by
