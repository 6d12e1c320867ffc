"""What the reader looks at."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from monitor.dashboard.state.view import ZOOMS_S, View

MOMENTS = st.floats(0, 10_000)


@given(
    now_s=MOMENTS, start=st.floats(0, 1), zoom=st.integers(0, len(ZOOMS_S) - 1), end=st.floats(0, 1), live=st.booleans()
)
def test_a_chosen_utterance_comes_into_sight_wherever_the_timeline_is(now_s, start, zoom, end, live):
    start_s = start * now_s
    view = View(zoom=zoom, end_s=None if live else end * now_s).including(start_s, start_s, now_s, 80)
    right_s = now_s if view.end_s is None else view.end_s
    assert right_s - 80 * view.column_s <= start_s <= right_s


def test_what_is_in_sight_moves_nothing():
    view = View(end_s=100.0)
    assert view.including(50.0, 60.0, 500.0, 80) is view


@given(now_s=MOMENTS, steps=st.lists(st.integers(-200, 200), max_size=8))
def test_scrolling_stays_between_the_beginning_and_the_present(now_s, steps):
    view = View()
    for columns in steps:
        view = view.scrolling(columns, now_s, 80)
        assert view.end_s is None or 0 <= view.end_s < now_s


@pytest.mark.parametrize(("steps", "column_s"), [(0, 1.0), (1, 0.5), (99, 0.25), (-99, 15.0)])
def test_zoom_has_two_ends(steps, column_s):
    assert View().zooming(steps).column_s == column_s
