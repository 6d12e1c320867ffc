"""The input level as a line."""

import hypothesis.strategies as st
from hypothesis import given, settings

from monitor.dashboard.paint.meter import meter
from monitor.dashboard.state.level import Level


@settings(deadline=None, max_examples=50)
@given(st.floats(-130, 3), st.floats(-130, 3), st.booleans(), st.integers(0, 200))
def test_the_meter_never_outgrows_its_line(rms: float, peak: float, speaking: bool, width: int):  # noqa: FBT001
    level = Level(at_s=0.0, rms_dbfs=rms, peak_dbfs=peak, voiced=True, speaking=speaking, received_s=0.0)
    assert meter(level, width).cell_length <= max(width, len("● "))


def test_clipping_is_called_by_its_name():
    level = Level(at_s=0.0, rms_dbfs=-3.0, peak_dbfs=0.0, voiced=True, speaking=True, received_s=0.0)
    assert "clipping" in meter(level, 80).plain
