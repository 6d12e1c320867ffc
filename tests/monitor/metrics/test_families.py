"""Metrics are the numbers of a health event in Prometheus's units, and nothing that is about a person."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from core.wire.health import HealthEvent, RemoteHealth, SinkHealth, StreamHealth, WorkerHealth
from monitor.metrics.families import families

NAMES = Path(__file__).parents[3] / "docs" / "metrics.md"
counts = st.integers(0, 2**53)


class Collected(Collector):
    def __init__(self, event: HealthEvent) -> None:
        self._event = event

    def collect(self):
        return families(self._event)


def samples_of(event: HealthEvent) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """Name to labels to number, as Prometheus would read them."""
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in text_string_to_metric_families(generate_latest(Collected(event)).decode()):
        for sample in family.samples:
            one = found.setdefault(sample.name, {})
            labels = frozenset(sample.labels.items())
            assert labels not in one, "Prometheus refuses a page on which a sample stands twice"
            one[labels] = sample.value
    return found


def event(**changes) -> HealthEvent:
    stream = StreamHealth(
        stream="0a1b2c3d-1",
        source="mic:Ada's headset",
        state="listening",
        captured=160_000,
        silence=80_000,
        segmented=48_000,
        pending=16_000,
        dropped={"too_short": 8_000, "overflow": 8_000},
        segments=10,
        published=6,
        failed=1,
        in_flight=1,
        segments_dropped={"too_late": 2},
        eager_begun=6,
        eager_used=4,
        eager_discarded=2,
        eager_discarded_s=0.75,
    )
    worker = WorkerHealth(
        state="busy", model="/home/ada/models/ltu-as", device="cuda", generation=3, restarts=1, queued=2, rss_mb=550.5,
        cpu_percent=40.0, gpu_mb=18_000.0,
    )  # fmt: skip
    values = {
        "node": "adas-desk",
        "at": "2026-01-01T10:00:00.500Z",
        "uptime_s": 12.5,
        "streams": (stream,),
        "worker": worker,
        "sinks": (SinkHealth(name="mqtt", state="degraded", detail="ada@broker", queued=7, dropped=3),),
        "latency_p50_ms": 52.0,
        "latency_p95_ms": 57.0,
        "latency_p99_ms": 60.0,
        "hangover_p50_ms": 600.0,
        "rss_mb": 120.0,
        "cpu_percent": 3.0,
        "recording": "ada.jsonl",
    }
    return HealthEvent(**{**values, **changes})


def test_every_number_comes_in_the_unit_that_its_name_says():
    found = samples_of(event())
    only = {name.removeprefix("emotion_monitor_"): next(iter(of.values())) for name, of in found.items()}
    assert only["captured_audio_seconds_total"] == 10
    assert only["silence_audio_seconds_total"] == 5
    assert only["segmented_audio_seconds_total"] == 3
    assert only["pending_audio_seconds"] == 1
    assert only["uptime_seconds"] == 12.5
    assert only["health_timestamp_seconds"] == 1_767_261_600.5
    assert only["hangover_seconds"] == 0.6
    assert only["worker_generation"] == 3
    assert only["worker_restarts_total"] == 1
    assert only["worker_queued_utterances"] == 2
    assert only["worker_gpu_memory_bytes"] == 18e9
    assert only["sink_queued_events"] == 7
    assert only["sink_dropped_events_total"] == 3
    assert only["recording"] == 1
    assert only["discarded_compute_seconds_total"] == 0.75
    early = found["emotion_monitor_early_readings_total"]
    assert {dict(labels)["fate"]: count for labels, count in early.items()} == {"used": 4, "discarded": 2}
    latency = found["emotion_monitor_latency_seconds"]
    assert latency[frozenset({("quantile", "0.95")})] == pytest.approx(0.057)
    memory = found["emotion_monitor_resident_memory_bytes"]
    assert memory[frozenset({("process", "worker")})] == pytest.approx(550.5e6)


@settings(max_examples=15)
@given(
    silence=counts, segmented=counts, pending=counts, dropped=st.dictionaries(st.text(max_size=5), counts, max_size=3)
)
def test_captured_sound_is_the_sum_of_what_became_of_it(silence, segmented, pending, dropped):
    stream = StreamHealth(
        stream="s", source="mic:x", state="listening", silence=silence, segmented=segmented, pending=pending,
        dropped=dropped, captured=silence + segmented + pending + sum(dropped.values()),
    )  # fmt: skip
    found = samples_of(event(streams=(stream,)))
    parts = ("silence_audio_seconds_total", "segmented_audio_seconds_total", "dropped_audio_seconds_total")
    total = sum(sum(found.get(f"emotion_monitor_{part}", {}).values()) for part in (*parts, "pending_audio_seconds"))
    assert total == pytest.approx(sum(found["emotion_monitor_captured_audio_seconds_total"].values()))
    assert list(found["emotion_monitor_accounts_balanced"].values()) == [1]


def test_utterances_are_the_sum_of_what_became_of_them():
    found = samples_of(event())
    parts = ("published_utterances_total", "failed_utterances_total", "dropped_utterances_total")
    fates = [*parts, "in_flight_utterances"]
    assert sum(sum(found[f"emotion_monitor_{part}"].values()) for part in fates) == 10
    assert list(found["emotion_monitor_utterances_total"].values()) == [10]


def test_what_is_not_known_is_left_out_and_not_zero():
    unknown = event(latency_p50_ms=None, latency_p95_ms=None, latency_p99_ms=None, hangover_p50_ms=None, rss_mb=None)
    found = samples_of(unknown)
    assert "emotion_monitor_latency_seconds" not in found
    assert "emotion_monitor_hangover_seconds" not in found
    assert list(found["emotion_monitor_resident_memory_bytes"]) == [frozenset({("process", "worker")})]


def test_each_part_is_in_exactly_one_state():
    found = samples_of(event())
    for part, state in (("stream", "listening"), ("worker", "busy"), ("sink", "degraded")):
        states = found[f"emotion_monitor_{part}_state"]
        assert sum(states.values()) == 1
        assert [dict(labels)["state"] for labels, value in states.items() if value] == [state]


def test_no_name_of_a_person_file_device_or_host_is_told():
    paths = [SinkHealth(name=f"jsonl:/home/ada/{n}", state="ok", detail="", queued=n, dropped=0) for n in (1, 2)]
    page = generate_latest(Collected(event(sinks=tuple(paths)))).decode()
    assert "ada" not in page.lower()
    assert 'sink="jsonl"' in page
    assert 'sink="jsonl-2"' in page


def test_no_metric_is_about_what_was_heard():
    page = generate_latest(Collected(event())).decode().lower()
    for word in ("anger", "happiness", "sadness", "neutral", "entropy", "transcript", "dbfs"):
        assert word not in page


def test_the_guide_names_exactly_the_metrics_that_there_are():
    others = {"emotion_monitor_build", "emotion_monitor_open_descriptors"}
    names = {family.name for family in families(event())} | others
    told = set(re.findall(r"^\| `(emotion_monitor_\w+)", NAMES.read_text(encoding="utf-8"), re.MULTILINE))
    assert {re.sub(r"_(total|info)$", "", name) for name in told} == names


def test_a_stream_that_does_not_add_up_shows():
    torn = replace(event().streams[0], captured=1)
    assert list(samples_of(event(streams=(torn,)))["emotion_monitor_accounts_balanced"].values()) == [0]


def test_where_others_read_it_is_counted_what_became_of_what_they_were_asked():
    counts = {"owned": 9, "answered": 6, "refused": 1, "expired": 1, "in_flight": 1, "resent": 3}
    repeated = {"duplicates": 2, "late": 1, "strangers": 4}
    remote = RemoteHealth(broker="mqtts://b", site="main", workers=("a", "b"), **repeated, **counts)
    here = event()
    found = samples_of(replace(here, worker=replace(here.worker, remote=remote)))
    fates = {next(iter(labels))[1]: count for labels, count in found["emotion_monitor_remote_utterances_total"].items()}
    assert fates == {"answered": 6, "refused": 1, "expired": 1}
    names = ("workers", "in_flight_utterances", "resent_total", "repeated_results_total", "strange_results_total")
    assert [found[f"emotion_monitor_remote_{name}"][frozenset()] for name in names] == [2, 1, 3, 3, 4]
    assert not any(name.startswith("emotion_monitor_remote") for name in samples_of(here))
