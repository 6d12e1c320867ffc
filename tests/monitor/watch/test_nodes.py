"""What several monitors behind a broker say, as one screen shows it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.wire.events import Event, LevelEvent, NoteEvent, StateEvent, encode
from core.wire.health import HealthEvent, SinkHealth
from monitor.dashboard.paint import health_lines
from monitor.dashboard.paint.troubles import troubles
from monitor.dashboard.state import absence
from monitor.dashboard.state.view_model import DashboardState, Session
from monitor.mqtt.messages import Topics, message_of
from monitor.watch.afar import filters, from_afar, origin
from monitor.watch.nodes import PATIENCE_S, Nodes
from tests.monitor.dashboard import scenes
from tests.monitor.dashboard.script import EPOCH

LINK = SinkHealth(name="mqtt", state="ok", detail="mqtt://broker:1883", queued=0, dropped=0)
BROKER = "mqtt://broker:1883"
NOW = EPOCH + 2.0


def say(nodes: Nodes, node: str, *events: Event, retained: bool = False, now: float = NOW) -> list[Event]:
    """Publishes events as a node does; gives what reaches the screen."""
    shown = []
    for event in events:
        message = message_of(event, Topics("emotion", node), details=True)
        if message:
            where = origin(message.topic, "emotion")
            assert where
            shown += nodes.push(where, message.payload, retained=retained, now=now).events
    return shown


def available(nodes: Nodes, node: str, word: str) -> object:
    where = origin(f"emotion/{node}/availability", "emotion")
    assert where
    return nodes.push(where, word.encode(), retained=True, now=NOW)


def health(scene: str) -> HealthEvent:
    return next(event for event in scenes.events(scene) if isinstance(event, HealthEvent))


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("emotion/desk/availability", ("desk", "availability", None)),
        ("emotion/desk/health", ("desk", "health", None)),
        ("emotion/desk/ab12-1/utterance", ("desk", "utterance", "ab12-1")),
        ("emotion/desk/answer/me", ("desk", "answer", None)),
        ("emotion/desk/cmd", None),
        ("emotion/desk/claim", None),
        ("home/desk/health", None),
        ("emotion/health", None),
        ("emotion/a/b/c/utterance", None),
    ],
)
def test_a_topic_says_who_speaks_of_what(topic, expected):
    found = origin(topic, "emotion")
    assert (found and (found.node, found.kind, found.stream)) == expected


def test_a_base_may_have_several_levels():
    assert origin("home/emotion/desk/health", "home/emotion") is not None


def test_what_is_subscribed_to_covers_what_a_node_says_and_not_what_it_is_told():
    wanted = filters("emotion", "desk", "me")
    assert "emotion/desk/+/utterance" in wanted
    assert "emotion/+/availability" in wanted
    assert not any("cmd" in each or "claim" in each or "#" in each for each in wanted)


def test_streams_and_sources_carry_the_name_of_their_node():
    shown = say(Nodes("emotion", None), "desk", *scenes.events("explained"))
    assert {event.stream for event in shown if hasattr(event, "stream")} == {"desk/s1"}
    assert {event.source for event in shown if hasattr(event, "source")} == {"desk · mic:Desk microphone"}
    note = next(event for event in shown if isinstance(event, NoteEvent))
    assert note.positions_s == {"desk/s1": 27.0}


def test_only_the_wanted_node_is_shown_and_the_others_are_known_by_name():
    nodes = Nodes("emotion", "desk")
    assert available(nodes, "hall", "online")
    assert say(nodes, "hall", *scenes.events("clear")) == []
    assert nodes.remark(BROKER, connected_s=PATIENCE_S) == (
        "There is no node desk; there are: hall (mqtt://broker:1883, below emotion/)"
    )
    assert nodes.remark(BROKER, connected_s=0.0) == ""


def test_a_broker_without_monitors_is_said():
    nodes = Nodes("emotion", None)
    assert (
        nodes.remark(BROKER, connected_s=PATIENCE_S) == "There is no monitor yet (mqtt://broker:1883, below emotion/)"
    )


def test_where_no_monitor_is_heard_from_nothing_is_said_of_a_model():
    state = DashboardState(session=Session(watched=BROKER)).push(Nodes("emotion", None).health(LINK, NOW), now_s=0.0)
    assert troubles(state, 0.0) == ()
    assert "no monitor" in health_lines.health(state, (), 80).plain
    assert "model" not in health_lines.health(state, (), 80).plain


def test_one_nodes_health_is_its_own_with_our_connection():
    nodes = Nodes("emotion", None)
    say(nodes, "desk", health("broker_lost"))
    shown = nodes.health(LINK, NOW)
    assert shown.worker == health("broker_lost").worker
    assert [(sink.name, sink.state, sink.queued) for sink in shown.sinks if sink.name == "mqtt"] == [("mqtt", "ok", 12)]


def test_the_health_of_several_nodes_is_the_worst_of_them():
    nodes = Nodes("emotion", None)
    say(nodes, "desk", health("clear"))
    say(nodes, "hall", health("worker_restarting"))
    shown = nodes.health(LINK, NOW)
    assert shown.worker.state == "restarting"
    assert shown.worker.queued == 2
    assert shown.worker.generation == 2
    assert [stream.stream for stream in shown.streams] == ["desk/s1", "hall/s1"]
    assert shown.latency_p95_ms == 131.0


def test_a_node_that_goes_offline_is_said_and_its_streams_are_marked():
    nodes = Nodes("emotion", None)
    state = DashboardState(session=Session(watched=BROKER))
    for event in say(nodes, "desk", *scenes.events("clear")):
        state = state.push(event, now_s=0.0)
    available(nodes, "desk", "online")
    assert nodes.remark(BROKER, connected_s=9.0) == ""
    news = available(nodes, "desk", "offline")
    state = absence.told(state, dict.fromkeys(news.offline, absence.OFFLINE))
    assert [stream.state for stream in state.streams] == ["offline"]
    assert nodes.remark(BROKER, connected_s=9.0) == "desk is offline: what is shown is from before."
    assert nodes.health(LINK, NOW).worker.model == "", "that of an offline one is not known"
    available(nodes, "desk", "online")
    say(nodes, "desk", health("clear"))
    state = state.push(nodes.health(LINK, NOW), now_s=0.0)
    assert [stream.state for stream in state.streams] == ["listening"]


def test_what_a_broker_still_holds_of_an_offline_node_is_not_taken_for_live():
    nodes = Nodes("emotion", None)
    available(nodes, "desk", "offline")
    reading = next(event for event in scenes.events("clear") if isinstance(event, StateEvent))
    message = message_of(reading, Topics("emotion", "desk"))
    news = nodes.push(origin(message.topic, "emotion"), message.payload, retained=True, now=NOW)
    assert news.offline == {"desk/s1"}


def test_streams_of_a_run_before_make_way_for_those_of_the_new_one():
    nodes = Nodes("emotion", None)
    say(nodes, "desk", *scenes.events("clear"))
    renamed = replace(health("clear"), streams=(replace(health("clear").streams[0], stream="s9"),))
    message = message_of(renamed, Topics("emotion", "desk"))
    news = nodes.push(origin(message.topic, "emotion"), message.payload, retained=False, now=NOW)
    assert news.gone == {"desk/s1"}


def state_event() -> StateEvent:
    return [event for event in scenes.events("clear") if isinstance(event, StateEvent)][-1]


def test_a_reading_is_worth_nothing_after_its_time_and_that_is_said():
    nodes, state = Nodes("emotion", None), DashboardState()
    for event in say(nodes, "desk", state_event(), now=EPOCH + 30):
        state = state.push(event, now_s=0.0)
    assert nodes.expire(EPOCH + 144).expired == {}
    news = nodes.expire(EPOCH + 146)
    assert list(news.expired) == ["desk/s1"]
    for stream, reason in news.expired.items():
        state = absence.expired(state, stream, reason)
    heard = state.streams[0].heard
    assert heard is not None
    assert heard.raw is None
    assert "no longer valid" in str(heard.reason)


def test_a_reading_that_is_stale_when_it_comes_is_never_shown_as_current():
    nodes = Nodes("emotion", None)
    message = message_of(state_event(), Topics("emotion", "desk"))
    news = nodes.push(origin(message.topic, "emotion"), message.payload, retained=True, now=EPOCH + 9000)
    assert list(news.expired) == ["desk/s1"]


def test_a_clock_that_differs_is_said_and_does_not_make_readings_stale():
    nodes = Nodes("emotion", None)
    say(nodes, "desk", health("clear"), state_event(), now=EPOCH + 9000)
    assert nodes.expire(EPOCH + 9000).expired == {}
    assert nodes.remark(BROKER, connected_s=9.0) == "The clock of desk is 9000 s behind ours."


def test_a_withdrawn_reading_is_no_longer_shown():
    nodes = Nodes("emotion", None)
    say(nodes, "desk", state_event(), now=EPOCH + 30)
    news = nodes.push(origin("emotion/desk/s1/state", "emotion"), b"", retained=False, now=EPOCH + 31)
    assert news.expired == {"desk/s1": "the last one was withdrawn"}


def test_so_is_one_of_a_source_with_a_name_which_is_that_of_its_topics():
    nodes = Nodes("emotion", None)
    (shown,) = say(nodes, "desk", replace(state_event(), name="alice"), now=EPOCH + 30)
    assert (shown.stream, shown.name) == ("desk/s1", "desk · alice")
    news = nodes.push(origin("emotion/desk/alice/state", "emotion"), b"", retained=False, now=EPOCH + 31)
    assert news.expired == {"desk/s1": "the last one was withdrawn"}


def test_a_node_that_is_removed_from_the_broker_is_forgotten_with_all_it_said():
    nodes = Nodes("emotion", None)
    say(nodes, "desk", state_event(), now=EPOCH + 30)
    news = nodes.push(origin("emotion/desk/availability", "emotion"), b"", retained=False, now=EPOCH + 31)
    assert news.gone == {"desk/s1"}
    assert nodes.expire(EPOCH + 9000).expired == {}
    assert nodes.remark(BROKER, connected_s=9.0).startswith("There is no monitor yet")


def test_a_level_keeps_its_meaning():
    level = next(event for event in scenes.events("speaking") if isinstance(event, LevelEvent))
    shown = from_afar(level, "desk")
    assert isinstance(shown, LevelEvent)
    assert replace(shown, stream="s1", source=level.source) == level


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["desk", "hall", "a.b"]),
            st.sampled_from(["availability", "health", "error", "note", "s1/state", "s1/utterance", "s1/level"]),
            st.one_of(
                st.sampled_from([encode(event) for event in scenes.events("explained")]),
                st.sampled_from([b"", b"online", b"offline", b"\xff"]),
                st.binary(max_size=30),
            ),
            st.floats(0, 500),
        ),
        max_size=30,
    )
)
def test_no_message_is_too_odd(messages):
    nodes, state, now = Nodes("emotion", None), DashboardState(session=Session(watched=BROKER)), EPOCH
    for node, kind, payload, step_s in messages:
        now += step_s
        where = origin(f"emotion/{node}/{kind}", "emotion")
        assert where
        for news in (nodes.push(where, payload, retained=False, now=now), nodes.expire(now)):
            for event in news.events:
                state = state.push(event, now_s=now)
            state = absence.told(absence.without(state, news.gone), dict.fromkeys(news.offline, absence.OFFLINE))
            for stream, reason in news.expired.items():
                state = absence.expired(state, stream, reason)
        state = state.push(nodes.health(LINK, now), now_s=now)
        assert isinstance(nodes.remark(BROKER, connected_s=9.0), str)
