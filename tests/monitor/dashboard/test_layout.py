"""What fits on which terminal."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from monitor.dashboard.layout import BORDERS, TABLE_FLAT, TIMELINE_FLAT, fit
from monitor.dashboard.paint.reading import Density


@given(st.integers(1, 200), st.integers(0, 8))
def test_nothing_is_pushed_off_the_screen_by_timeline_or_table(height, streams):
    layout = fit(height, streams)
    panels = max(streams, 1) * (layout.density.value + BORDERS[layout.density])
    left = height - 3 - 2 * layout.health - panels
    if layout.timeline:
        assert layout.history
        assert left - layout.timeline >= TABLE_FLAT
    elif layout.history:
        assert left >= TABLE_FLAT


@pytest.mark.parametrize(
    ("height", "streams", "density", "framed"),
    [
        (24, 1, Density.PLAIN, False),
        (24, 2, Density.COMPACT, False),
        (40, 1, Density.ROOMY, True),
        (60, 1, Density.ROOMY, True),
        (60, 2, Density.ROOMY, True),
    ],
)
def test_usual_terminals_show_reading_timeline_and_table(height, streams, density, framed):
    layout = fit(height, streams)
    assert (layout.density, layout.framed) == (density, framed)
    assert layout.timeline >= TIMELINE_FLAT
    assert layout.history


@given(st.integers(5, 120), st.integers(1, 4))
def test_a_higher_terminal_never_shows_less(height, streams):
    lower, higher = fit(height, streams), fit(height + 1, streams)
    assert higher.history >= lower.history
    assert higher.density.value >= lower.density.value


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
