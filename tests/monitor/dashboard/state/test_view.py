"""What the reader looks at."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from monitor.dashboard.state.view import ZOOMS_S, View
from monitor.dashboard.state.view_model import DashboardState
from tests.monitor.dashboard.script import Script

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


def talk() -> DashboardState:
    """Five utterances of ten seconds each, the last one of another stream."""
    script, state = Script(sources={"s1": "mic:Desk", "s2": "mic:Headset"}), DashboardState()
    for number, stream in enumerate(["s1", "s1", "s1", "s1", "s2"]):
        script.utterance(10.0 * number, 10.0 * number + 5, (0.1, 0.2, 0.3, 0.4), stream=stream)
    for event in script.events:
        state = state.push(event, now_s=0.0)
    return state


@pytest.mark.parametrize(
    ("where", "place"), [("up", 1), ("down", 3), ("page_up", 0), ("page_down", 4), ("home", 0), ("end", 4)]
)
def test_keys_name_a_place_from_the_chosen_row(where, place):
    state = talk()
    assert View().choosing(state, 2).place(state, where, page=2) == place


def test_a_moment_of_the_timeline_is_the_row_of_what_was_said_then():
    state = talk()
    assert View(stream="s1").place_at(state, 12.0, 1.0) == 3
    assert View(stream="s1").place_at(state, 17.0, 1.0) is None
    assert View(stream="s2").place_at(state, 12.0, 1.0) is None
    assert View().place_at(DashboardState(), 12.0, 1.0) is None


def test_the_next_stream_goes_round():
    state = talk()
    second = View().turning(state)
    assert second.stream == "s2"
    assert second.turning(state).stream == "s1"
    assert View().turning(DashboardState()) == View()


def ended(*names: str) -> DashboardState:
    """The talk, when some of its streams have ended."""
    script = Script(sources={"s1": "mic:Desk", "s2": "mic:Headset"})
    script.health()
    script.streams(**dict.fromkeys(names, "ended"))
    return talk().push(script.events[-1], now_s=0.0)


def shown(view: View, state: DashboardState) -> str:
    stream = view.shown(state)
    assert stream is not None
    return stream.stream


def test_who_looks_at_the_present_sees_a_stream_that_goes_on():
    view = View().choosing(talk(), 0)
    assert shown(view, talk()) == "s2"
    assert shown(view, ended("s2")) == "s1"
    assert shown(view, ended("s1", "s2")) == "s2"


def test_what_a_stream_that_has_ended_heard_can_still_be_looked_at():
    state = ended("s2")
    assert shown(View().choosing(state, 0, follow=False), state) == "s2"
    second = View().turning(state)
    assert (shown(second, state), second.end_s) == ("s2", 45.0)
    first = second.turning(state)
    assert (shown(first, state), first.end_s) == ("s1", None)


def test_a_chosen_row_is_revealed_and_the_newest_leaves_the_timeline_live():
    state = talk()
    oldest = View(zoom=0).choosing(state, 4).revealing(state, 40)
    assert oldest.end_s is not None
    assert oldest.end_s - 40 * oldest.column_s <= 0.0 < oldest.end_s
    assert View(zoom=0).choosing(state, 0).revealing(state, 40).end_s is None
