"""How long readings took."""

from dataclasses import replace

import hypothesis.strategies as st
import pytest
from hypothesis import given

from core.wire.events import LatencyMs, UtteranceEvent
from monitor.dashboard.state.latencies import KEPT, Latencies, Wait
from tests.monitor.dashboard.script import Script

FLOATS = st.floats()


def reading(*, final: bool = True, **spent: float) -> UtteranceEvent:
    script = Script()
    script.utterance(1.0, 2.0, (0.1, 0.2, 0.3, 0.4), final=final)
    (event,) = (event for event in script.events if isinstance(event, UtteranceEvent))
    usual = {"hangover": 600.0, "queue": 2.0, "features": 21.0, "llm": 64.0, "total": 690.0}
    return replace(event, latency_ms=LatencyMs(**(usual | spent)))


def test_the_wait_is_split_into_pause_queue_and_compute():
    (wait,) = Latencies().hear(reading()).waits
    assert wait == Wait(600.0, 2.0, 88.0)
    assert wait.total_ms == 690.0


def test_early_readings_do_not_count():
    assert Latencies().hear(reading(final=False)).waits == ()


def test_only_the_last_ones_are_kept():
    latencies = Latencies()
    for number in range(KEPT + 5):
        latencies = latencies.hear(reading(total=700.0 + number))
    assert len(latencies.waits) == KEPT
    assert latencies.waits[0].total_ms == pytest.approx(705.0)


@given(FLOATS, FLOATS, FLOATS)
def test_no_number_upsets_it(hangover: float, queue: float, total: float):
    for wait in Latencies().hear(reading(hangover=hangover, queue=queue, total=total)).waits:
        assert wait.pause_ms >= 0
        assert wait.queue_ms >= 0
        assert wait.compute_ms >= 0
