"""Stacks of bands in cells that can show two of them."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from monitor.dashboard.paint.stack import EIGHTHS, cell, tops, whole_rows

SHARES = st.tuples(*[st.floats(0.001, 1.0)] * 4).map(lambda weights: tuple(w / sum(weights) for w in weights))


def test_a_band_ends_where_its_share_ends():
    assert tops((0.25, 0.25, 0.25, 0.25), 4) == (8, 16, 24, 32)


def test_a_boundary_inside_a_cell_is_drawn_to_an_eighth():
    ends = tops((0.3, 0.0, 0.0, 0.7), 2)
    assert ends == (5, 5, 5, 16)
    assert cell(ends, 0) == (0, 3, 5)
    assert cell(ends, 1) == (3, 3, EIGHTHS)


def test_where_three_bands_meet_in_a_cell_the_thinnest_gives_way():
    assert cell((3, 4, 8, 8), 0) == (0, 2, 3)
    assert cell((1, 4, 8, 8), 0) == (1, 2, 4)


@given(SHARES, st.integers(1, 12))
def test_the_cells_of_a_stack_show_each_band_nearly_as_high_as_it_is(shares, rows):
    ends = tops(shares, rows)
    shown = [0, 0, 0, 0]
    for row in range(rows):
        lower, upper, eighths = cell(ends, row)
        shown[lower] += eighths
        shown[upper] += EIGHTHS - eighths if upper != lower else 0
    assert sum(shown) == rows * EIGHTHS
    for band, share in enumerate(shares):
        assert abs(shown[band] - share * rows * EIGHTHS) <= EIGHTHS


@given(SHARES, st.integers(1, 12))
def test_whole_rows_are_shared_out_fairly_and_in_order(shares, rows):
    bands = whole_rows(shares, rows)
    assert len(bands) == rows
    assert list(bands) == sorted(bands)
    for band, share in enumerate(shares):
        assert abs(bands.count(band) - share * rows) < 1


@pytest.mark.parametrize("rows", [1, 3, 12])
def test_certainty_fills_the_stack(rows):
    assert {cell(tops((0, 0, 1, 0), rows), row) for row in range(rows)} == {(2, 2, EIGHTHS)}
    assert whole_rows((0, 0, 1, 0), rows) == (2,) * rows
