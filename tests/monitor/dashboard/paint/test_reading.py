"""Painted text fits its room."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from core.distribution import EMOTIONS, EmotionDistribution
from monitor.dashboard.paint import reading
from monitor.dashboard.paint.reading import Now
from monitor.dashboard.state.rows import Heard

RAW = EmotionDistribution(0.06, 0.03, 0.48, 0.43)
SMOOTHED = EmotionDistribution(0.11, 0.04, 0.44, 0.41)


@settings(deadline=None, max_examples=50)
@given(st.integers(12, 240), st.sampled_from([RAW, None]), st.sampled_from([SMOOTHED, None]))
def test_bars_fill_their_width_exactly(width: int, raw: EmotionDistribution | None, mean: EmotionDistribution | None):
    for row in reading.rows(raw, mean, width):
        assert row.cell_length == width


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
