"""Cutting a past into columns, and painting them."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from core.wire.events import DropEvent, LevelEvent, UtteranceEvent
from monitor.dashboard.paint import wording
from monitor.dashboard.paint.timeline import LETTERS, PLAIN, RICH, Line, axis, chart, legend, lines, marks
from monitor.dashboard.state.columns import Column, Window, cut
from monitor.dashboard.state.past import Past
from monitor.dashboard.state.view import ZOOMS_S
from tests.monitor.dashboard.script import Script, Shares

SAD: Shares = (0.1, 0.1, 0.7, 0.1)
ANGRY: Shares = (0.7, 0.1, 0.1, 0.1)


def past(script: Script) -> Past:
    heard = Past()
    for event in script.events:
        match event:
            case LevelEvent():
                heard = heard.hear_level(event)
            case UtteranceEvent():
                heard = heard.hear_utterance(event)
            case DropEvent():
                heard = heard.hear_drop(event)
    return heard


def said(start_s: float, end_s: float, shares: Shares | None = SAD, **more) -> Past:
    script = Script()
    script.utterance(start_s, end_s, shares, **more)
    return past(script)


def text(line: Line) -> str:
    return "".join(cell.char for cell in line)


def test_an_utterance_fills_the_columns_it_was_spoken_in():
    columns = cut(said(2.0, 4.0), Window(0, 6, 1.0))
    assert [column.shares is not None for column in columns] == [False, False, True, True, False, False]
    assert columns[2].shares == pytest.approx(SAD)


def test_an_utterance_that_ends_where_the_window_begins_is_not_in_it():
    assert not any(column.shares for column in cut(said(2.0, 4.0), Window(4, 4, 1.0)))


def test_utterances_that_share_a_column_weigh_as_long_as_they_lasted():
    script = Script()
    script.utterance(0.0, 3.0, SAD)
    script.utterance(3.0, 4.0, ANGRY)
    (column,) = cut(past(script), Window(0, 1, 5.0))
    assert column.shares == pytest.approx([0.25, 0.1, 0.55, 0.1])


def test_the_smoothed_values_can_be_shown_instead():
    script = Script()
    script.utterance(0.0, 1.0, SAD)
    script.utterance(2.0, 3.0, ANGRY)
    raw, smoothed = (cut(past(script), Window(2, 1, 1.0), smoothed=smoothed)[0].shares for smoothed in (False, True))
    assert raw == pytest.approx(ANGRY)
    assert smoothed is not None
    assert smoothed[0] < 0.7


def test_speech_that_has_no_reading_yet_is_marked_and_an_interim_reading_is_drawn():
    script = Script()
    script.level(0.0, speaking=True)
    script.level(1.0, speaking=True)
    script.level(2.0, speaking=True)
    columns = cut(past(script), Window(0, 4, 1.0))
    assert text(marks(columns, RICH)) == "╍╍  "
    script.utterance(0.0, 2.0, SAD, final=False)
    columns = cut(past(script), Window(0, 4, 1.0))
    assert [column.interim for column in columns] == [True, True, False, False]
    assert text(marks(columns, RICH)) == "╍╍  "
    assert columns[0].shares
    script.utterance(0.0, 2.0, SAD, number=1)
    assert text(marks(cut(past(script), Window(0, 4, 1.0)), RICH)) == "━━  "


def test_sound_that_was_lost_says_why_and_how_often():
    script = Script()
    for start_s in (0.0, 12.0, 24.0):
        script.drop(start_s, start_s + 11.5, "overload")
    columns = cut(past(script), Window(0, 36, 1.0))
    words = text(chart(columns, 3, plain=False)[1])
    assert f"too much speech at once {wording.TIMES}3" in words
    assert set(text(marks(columns, RICH))) == {RICH.lost}
    assert all(column.worrying for column in columns)


@pytest.mark.parametrize(("width_s", "words"), [(30, f"{RICH.lost} paused"), (5, RICH.lost), (1, RICH.lost)])
def test_a_narrow_loss_says_less(width_s, words):
    script = Script()
    script.drop(0.0, float(width_s), "paused")
    columns = cut(past(script), Window(0, width_s, 1.0))
    assert words in text(chart(columns, 1, plain=False)[0])
    assert len(text(chart(columns, 1, plain=False)[0])) == width_s


def test_an_utterance_without_a_reading_is_no_gap_and_no_stack():
    columns = cut(said(0.0, 30.0, None, reason="too quiet"), Window(0, 30, 1.0))
    assert "? too quiet" in text(chart(columns, 3, plain=False)[1])
    assert text(marks(columns, RICH)) == "?" * 30


def test_a_note_is_marked_where_it_was_made():
    columns = cut(said(0.0, 3.0).mark(1.5, "here"), Window(0, 4, 1.0))
    assert text(marks(columns, RICH)) == "━▲━ "


def test_each_band_has_its_letter_where_it_fills_a_row():
    columns = cut(said(0.0, 5.0, (0.299, 0.001, 0.5, 0.2)), Window(0, 5, 1.0))
    painted = chart(columns, 10, plain=False)
    assert [(cell.char, cell.ground) for cell in (row[2] for row in painted) if cell.char != " "] == [
        ("n", "neutral"),
        ("s", "sadness"),
        ("a", "anger"),
    ]
    assert {cell.char for row in painted for cell in (row[1], row[3])} == {" "}


def test_without_colour_the_bands_are_letters():
    columns = cut(said(0.0, 1.0, (0.249, 0.001, 0.5, 0.25)), Window(0, 2, 1.0))
    assert [text(row) for row in chart(columns, 4, plain=True)] == ["n ", "s ", "s ", "a "]


def test_plain_text_is_ascii():
    script = Script()
    script.utterance(0.0, 4.0, SAD)
    script.drop(5.0, 9.0, "überlastet")
    columns = cut(past(script).mark(2.0, "x"), Window(0, 40, 1.0), chosen=(0.0, 4.0))
    for line in lines(columns, Window(0, 40, 1.0), 4, plain=True, zero_at=None):
        assert text(line).isascii()
    assert legend(plain=True, width=60).plain == "a anger  h happiness  s sadness  n neutral"


def test_the_chosen_utterance_stands_out_and_its_time_is_on_the_axis():
    columns = cut(said(20.0, 24.0), Window(0, 60, 1.0), chosen=(20.0, 24.0))
    assert {cell.ground for cell in marks(columns, RICH)[20:24]} == {"accent"}
    times = text(axis(columns, Window(0, 60, 1.0), RICH, None))
    assert "▴0:20" in times
    assert "╵0:30" in times
    assert "=" in text(marks(columns, PLAIN))


def test_the_axis_can_show_the_time_of_day():
    window = Window(0, 60, 1.0)
    began = datetime(2026, 1, 1, 10, tzinfo=UTC)
    shown = text(axis(cut(Past(), window), window, RICH, began.timestamp()))
    for seconds in (0, 30):
        assert f"{(began + timedelta(seconds=seconds)).astimezone():%H:%M:%S}" in shown


@given(
    spans=st.lists(st.tuples(st.floats(0, 4000), st.floats(0, 60)), max_size=8),
    window=st.builds(Window, st.integers(0, 4000), st.integers(0, 60), st.sampled_from(ZOOMS_S)),
    rows=st.integers(0, 6),
    plain=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_was_heard_every_line_is_as_wide_as_its_columns(spans, window, rows, plain):
    script = Script()
    for number, (start_s, length_s) in enumerate(spans):
        kind = number % 3
        if kind == 2:
            script.drop(start_s, start_s + length_s, "overload")
        else:
            script.utterance(start_s, start_s + length_s, SAD if kind else None, reason="none", number=number)
    columns = cut(past(script), window, chosen=spans[0] if spans else None)
    painted = lines(columns, window, rows, plain=plain, zero_at=None)
    assert len(painted) == rows + 2
    assert {len(line) for line in painted} == {window.count}
    assert all(len(cell.char) == 1 for line in painted for cell in line)


def test_every_emotion_has_a_letter_of_its_own():
    assert LETTERS == ("a", "h", "s", "n")
    assert Column().shares is None
