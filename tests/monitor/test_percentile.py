import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.percentile import percentile


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.integers(1, 99))
def test_percentiles_are_those_of_numpy(values, percent):
    assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent)))


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.integers(1, 99))
def test_none_lies_beyond_what_was_measured(values, percent):
    rounding = 1 + 1e-12
    assert min(values) / rounding <= percentile(values, percent) <= max(values) * rounding


def test_nothing_has_no_percentile():
    assert percentile([], 50) is None
