"""The few lines after a session."""

from monitor.export.brief import brief
from monitor.export.session import Session, Spool
from tests.monitor.export.sessions import session
from tests.sample_events import health, utterance


def test_they_count_what_was_heard_and_say_why_the_rest_got_no_reading():
    heard, unread, lost, shares = brief(session())
    assert heard == "11 utterances, 33 s of speech; 10 readings"
    assert unread == "no reading: speech shorter than 1 s: 1"
    assert lost == "not read: too much speech at once 2 times, 5.8 s"
    assert shares.startswith("heard on average: ")
    assert shares.index("neutral") < shares.index("anger"), "the likeliest first"
    assert shares.endswith("of 10 mixed")


def test_a_session_in_which_nothing_was_said_needs_none():
    assert brief(Session()) == brief(Session(health=health())) == []


def test_they_say_that_the_beginning_is_missing():
    spool = Spool(limit=2)
    for seq in range(3):
        spool.push(utterance(seq))
    assert brief(spool.session())[-1] == "all of that without 1 older event, which were no longer in memory"
