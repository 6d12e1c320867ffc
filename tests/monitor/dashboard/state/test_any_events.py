"""Whatever comes over the wire, in whatever order, is taken."""

import math
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given, settings

from core.distribution import EmotionDistribution
from core.wire.events import DropEvent, ErrorEvent, Event, LevelEvent, StateEvent, UtteranceEvent
from core.wire.health import HealthEvent, SinkHealth, StreamHealth, WorkerHealth
from monitor.dashboard.state import view_model
from monitor.dashboard.state.view_model import DashboardState
from tests.monitor.dashboard.script import Script

names = st.sampled_from(["s1", "s2", "s3", "a\nb"])
reasons = st.text(max_size=8) | st.sampled_from(["too_short", "overflow", "paused"])
numbers = st.floats(-1e6, 1e6, allow_nan=False)
shares = st.lists(st.floats(0.001, 1.0), min_size=4, max_size=4).map(EmotionDistribution.from_weights)
counts = st.integers(0, 10**6)


@st.composite
def utterances(draw: st.DrawFn) -> UtteranceEvent:
    script = Script(sources={name: f"mic:{name}" for name in ("s1", "s2", "s3", "a\nb")})
    script.utterance(1.0, 2.0, (0.1, 0.1, 0.7, 0.1), stream=draw(names))
    event = script.events[0]
    assert isinstance(event, UtteranceEvent)
    return replace(
        event,
        seq=draw(st.integers(0, 9)),
        utterance=draw(st.integers(0, 5)),
        start_s=draw(numbers),
        end_s=draw(numbers),
        final=draw(st.booleans()),
        status=draw(st.sampled_from(["ok", "invalid"])),
        reason=draw(st.none() | reasons),
        distribution=draw(st.none() | shares),
        smoothed=draw(st.none() | shares),
    )


@st.composite
def latest(draw: st.DrawFn) -> StateEvent:
    raw = draw(shares)
    return StateEvent(
        stream=draw(names),
        source="mic",
        seq=draw(st.integers(0, 9)),
        at="2026-01-01T10:00:00.000Z",
        valid_until="2026-01-01T10:02:00.000Z",
        final=draw(st.booleans()),
        distribution=raw,
        smoothed=draw(shares),
        entropy=raw.entropy,
        margin=raw.margin,
        dominant="anger",
    )


levels = st.builds(
    LevelEvent,
    stream=names,
    source=st.text(max_size=5),
    at_s=numbers,
    rms_dbfs=st.floats(-120, 3),
    peak_dbfs=st.floats(-120, 3),
    voiced=st.booleans(),
    speaking=st.booleans(),
    schema=st.just("emotion-monitor/level/1"),
)
drops = st.builds(
    DropEvent,
    stream=names,
    source=st.just("mic"),
    at=st.just("2026-01-01T10:00:00.000Z"),
    reason=reasons,
    start_s=numbers,
    end_s=numbers,
    schema=st.just("emotion-monitor/drop/1"),
)
errors = st.builds(
    ErrorEvent,
    at=st.just("2026-01-01T10:00:00.000Z"),
    where=st.just("source"),
    message=st.text(max_size=9),
    hint=st.none() | st.text(max_size=9),
    stream=st.none() | names,
    schema=st.just("emotion-monitor/error/1"),
)
healths = st.builds(
    HealthEvent,
    node=st.just("desk"),
    at=st.just("2026-01-01T10:00:00.000Z"),
    uptime_s=numbers,
    streams=st.lists(
        st.builds(
            StreamHealth,
            stream=names,
            source=st.just("file:x"),
            state=st.sampled_from(["opening", "listening", "paused", "ended", "failed"]),
            dropped=st.dictionaries(reasons, counts, max_size=3),
            segments_dropped=st.dictionaries(reasons, counts, max_size=3),
        ),
        max_size=3,
    ).map(tuple),
    worker=st.builds(
        WorkerHealth,
        state=st.sampled_from(["starting", "ready", "busy", "restarting", "stopped", "failed"]),
        model=st.just("ltu-as-mini"),
        device=st.just("cpu"),
        generation=counts,
        queued=counts,
        rss_mb=numbers,
    ),
    sinks=st.lists(
        st.builds(
            SinkHealth,
            name=st.sampled_from(["mqtt", "jsonl:x", "dashboard"]),
            state=st.sampled_from(["starting", "ok", "degraded", "closed"]),
            detail=st.text(max_size=5),
            queued=counts,
            dropped=counts,
        ),
        max_size=3,
    ).map(tuple),
    latency_p50_ms=st.none() | numbers,
    latency_p95_ms=st.none() | numbers,
    schema=st.just("emotion-monitor/health/1"),
)
any_events: st.SearchStrategy[list[Event]] = st.lists(
    st.one_of(utterances(), latest(), levels, drops, errors, healths), max_size=30
)


@settings(deadline=None, max_examples=60)
@given(any_events)
def test_events_in_any_order_are_taken_and_bounded(events: list[Event]):
    state = DashboardState()
    for now_s, event in enumerate(events):
        state = state.push(event, now_s=float(now_s))
    assert len(state.streams) <= view_model.STREAM_LIMIT
    assert len(state.history) <= len(events)
    assert all(len(stream.lost) <= view_model.REASON_LIMIT + 1 for stream in state.streams)
    assert all(math.isfinite(stream.age_s or 0.0) for stream in state.streams)
