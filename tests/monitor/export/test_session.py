"""What is kept of a session, and when it was."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.events import DropEvent, ErrorEvent, LevelEvent, NoteEvent, UtteranceEvent
from core.wire.health import HealthEvent
from monitor.export.session import Session, Spool, epoch_s, spoken
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.script import EPOCH
from tests.monitor.export.sessions import everything, gathered, session


def test_final_readings_notes_losses_and_errors_are_kept_and_the_latest_health():
    kept = session()
    assert [len(kept.utterances), len(kept.notes), len(kept.drops), len(kept.errors)] == [11, 2, 2, 1]
    assert all(utterance.final for utterance in kept.utterances)
    assert kept.health == everything()[-1]


def test_levels_are_never_kept():
    assert not any(isinstance(event, LevelEvent) for event in session().events)


def test_events_come_in_order_of_time_whatever_the_order_they_came_in():
    kept = gathered(reversed(everything()))
    times = [one.started_at if isinstance(one, UtteranceEvent) else one.at for one in kept.events]
    assert times[:-1] == sorted(times[:-1])
    assert isinstance(kept.events[-1], HealthEvent)


def test_an_event_that_comes_again_is_kept_once():
    assert gathered([*everything(), *everything()]) == session()


def test_when_there_are_too_many_the_oldest_go_and_are_counted():
    spool = Spool(limit=5)
    for event in scenes.events("mixed"):
        spool.push(event)
    kept = spool.session()
    assert len(kept.kept) == 5
    assert kept.forgotten == 10 - 5
    assert kept.utterances[-1].seq == 9


def test_a_session_lasts_from_when_its_first_stream_began_to_the_last_that_is_known():
    span = session().span
    assert (span.start_s, span.end_s) == (EPOCH, EPOCH + 50.25)


def test_a_session_of_nothing_has_no_span_and_no_source():
    assert Session().span is None
    assert Session().sources == {}


def test_an_utterance_was_spoken_as_long_as_it_says():
    first = session().utterances[0]
    assert spoken(first).end_s - spoken(first).start_s == pytest.approx(first.end_s - first.start_s)


@pytest.mark.parametrize("change", [{"start_s": float("nan")}, {"end_s": 1e300}, {"started_at": "yesterday"}])
def test_an_utterance_whose_numbers_cannot_be_is_left_out_and_counted(change):
    utterance = next(event for event in everything() if isinstance(event, UtteranceEvent))
    kept = gathered([replace(utterance, **change)])
    assert kept.utterances == ()
    assert kept.skipped == 1


@given(at=st.text(), start_s=st.floats(), end_s=st.floats(), text=st.text())
def test_nothing_from_outside_breaks_a_session(at, start_s, end_s, text):
    known = {type(event): event for event in everything()}
    kept = gathered(
        [
            replace(known[UtteranceEvent], started_at=at, start_s=start_s, end_s=end_s),
            replace(known[DropEvent], at=at, start_s=start_s, end_s=end_s),
            replace(known[NoteEvent], at=at, text=text, positions_s={text: start_s}),
            replace(known[ErrorEvent], at=at, message=text),
            replace(known[HealthEvent], at=at),
        ]
    )
    assert kept.span is None or kept.span.start_s <= kept.span.end_s


def test_a_time_without_a_zone_is_utc():
    assert epoch_s("2026-01-01T10:00:00") == epoch_s("2026-01-01T10:00:00Z") == EPOCH
