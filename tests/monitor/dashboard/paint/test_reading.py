"""Painted text fits its room."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from core.distribution import EMOTIONS, EmotionDistribution
from monitor.dashboard.layout import BORDERS, TABLE_FLAT, fit
from monitor.dashboard.paint import reading
from monitor.dashboard.paint.header import header
from monitor.dashboard.paint.meter import meter
from monitor.dashboard.paint.reading import Density, Now
from monitor.dashboard.state.level import Level
from monitor.dashboard.state.rows import Heard
from monitor.dashboard.state.view_model import DashboardState
from monitor.dashboard.widgets import history
from monitor.dashboard.widgets.history import Table
from tests.monitor.dashboard import scenes

RAW = EmotionDistribution(0.06, 0.03, 0.48, 0.43)
SMOOTHED = EmotionDistribution(0.11, 0.04, 0.44, 0.41)


def seen(name: str) -> DashboardState:
    state = DashboardState()
    for event in scenes.events(name):
        state = state.push(event, now_s=0.0)
    return state


@settings(deadline=None, max_examples=50)
@given(st.integers(12, 240), st.sampled_from([RAW, None]), st.sampled_from([SMOOTHED, None]))
def test_bars_fill_their_width_exactly(width: int, raw: EmotionDistribution | None, mean: EmotionDistribution | None):
    for row in reading.rows(raw, mean, width):
        assert row.cell_length == width


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 240), st.sampled_from(list(scenes.SCENES)))
def test_header_health_and_rows_of_any_scene_fit_any_width(width: int, name: str):
    state = seen(name)
    assert header(state, "emotion-monitor", width).cell_length <= max(width, len(" PAUSED   MQTT connecting"))
    table = Table(state.history)
    if width >= 20:
        assert sum(column.width for column in history.columns(width)) <= width
        assert history.titles(table, width).cell_length <= max(width, history.WIDE)
    for row in state.history:
        assert history.paint_row(row, table, width).cell_length > 0


@settings(deadline=None, max_examples=50)
@given(st.floats(-130, 3), st.floats(-130, 3), st.booleans(), st.integers(0, 200))
def test_the_meter_never_outgrows_its_line(rms: float, peak: float, speaking: bool, width: int):  # noqa: FBT001
    level = Level(at_s=0.0, rms_dbfs=rms, peak_dbfs=peak, voiced=True, speaking=speaking, received_s=0.0)
    assert meter(level, width).cell_length <= max(width, len("● "))


def test_clipping_is_called_by_its_name():
    level = Level(at_s=0.0, rms_dbfs=-3.0, peak_dbfs=0.0, voiced=True, speaking=True, received_s=0.0)
    assert "clipping" in meter(level, 80).plain


def test_every_bar_has_a_label_and_both_numbers():
    for name, row in zip(EMOTIONS, reading.rows(RAW, SMOOTHED, 80), strict=True):
        assert row.plain.startswith(name)
        assert f"{RAW.as_dict()[name] * 100:.0f}%" in row.plain
        assert f"{SMOOTHED.as_dict()[name] * 100:.0f}%" in row.plain


def test_the_smoothed_value_has_a_mark_of_its_own():
    row = reading.rows(RAW, SMOOTHED, 80)[0].plain
    assert row.index("│") > row.rindex("█")


@pytest.mark.parametrize("width", [18, 30, 44, 76, 116])
def test_one_line_of_bars_has_all_four_numbers(width: int):
    heard = Heard(seq=1, utterance=1, start_s=1.0, end_s=2.0, final=True, raw=RAW, smoothed=SMOOTHED)
    line = reading.in_a_row(Now(headline="", heard=heard), width)
    assert line.cell_length <= width
    assert [number for number in ("6", "3", "48", "43") if number in line.plain] == ["6", "3", "48", "43"]


@given(st.integers(1, 100), st.integers(0, 8))
def test_what_is_laid_out_with_a_history_fits_the_terminal(height: int, streams: int):
    layout = fit(height, streams)
    panels = max(streams, 1) * (layout.density.value + BORDERS[layout.density])
    used = 3 + 2 * layout.health + panels
    assert not layout.history or used + TABLE_FLAT <= height


def test_the_design_size_is_roomy_and_the_small_one_is_plain():
    assert fit(40, 1).density is Density.ROOMY
    assert fit(24, 1).density is Density.PLAIN
    assert fit(24, 2).density is Density.COMPACT
    assert fit(24, 2).history
