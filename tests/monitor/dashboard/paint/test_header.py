"""The first line."""

import hypothesis.strategies as st
from hypothesis import given, settings

from monitor.dashboard.paint.header import header
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import seen


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 240), st.sampled_from(list(scenes.SCENES)))
def test_the_header_of_any_scene_fits_any_width(width: int, name: str):
    state = seen(name)
    assert header(state, "emotion-monitor", width).cell_length <= max(width, len(" NO WORKER   MQTT connecting"))


def test_it_says_when_nobody_reads():
    assert "NO WORKER" in header(seen("no_worker"), "emotion-monitor", 80).plain
    assert "NO WORKER" not in header(seen("worker_restarting"), "emotion-monitor", 80).plain
