"""Bars of text."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from monitor.dashboard.paint import bars

shares = st.floats(0.0, 1.0)
widths = st.integers(0, 200)


@pytest.mark.parametrize(
    ("share", "width", "text"),
    [(0.5, 4, "██"), (0.5, 1, "▌"), (0.3, 10, "███"), (0.3125, 2, "▋"), (1.0, 3, "███"), (0.0, 5, ""), (0.001, 5, "▏")],
)
def test_a_bar_is_as_long_as_its_share_to_an_eighth_of_a_cell(share: float, width: int, text: str):
    assert bars.bar(share, width) == text


@given(st.floats(), widths)
def test_nothing_is_ever_wider_than_its_room(share: float, width: int):
    if share == share:  # noqa: PLR0124 - not a number has no length
        assert len(bars.bar(share, width)) <= width
        assert len(bars.line(share, width)) <= width
        assert 0 <= bars.mark(share, width) < max(width, 1)


@given(shares, shares, st.integers(1, 200))
def test_a_greater_share_is_never_a_shorter_bar(one: float, other: float, width: int):
    def length(share: float) -> float:
        text = bars.bar(share, width)
        return text.count("█") + sum(bars.EIGHTHS.index(char) + 1 for char in text if char != "█") / 8

    low, high = sorted((one, other))
    assert length(low) <= length(high)
    assert abs(length(high) - high * width) <= 1 / 8
