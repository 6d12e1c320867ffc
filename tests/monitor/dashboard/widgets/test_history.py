"""The table of utterances."""

import hypothesis.strategies as st
from hypothesis import given, settings

from monitor.dashboard.widgets import history
from monitor.dashboard.widgets.history import Table
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.driving import seen


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 240), st.sampled_from(list(scenes.SCENES)))
def test_titles_and_rows_of_any_scene_fit_any_width(width: int, name: str):
    state = seen(name)
    table = Table(state.history)
    if width >= 20:
        assert sum(column.width for column in history.columns(width)) <= width
        assert history.titles(table, width).cell_length <= max(width, history.WIDE)
    for row in state.history:
        assert history.paint_row(row, table, width).cell_length > 0
