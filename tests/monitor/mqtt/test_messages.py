"""What is said on which topic."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from core.errors import UsageError
from core.wire.events import decode
from core.wire.health import SinkHealth
from monitor.mqtt.messages import Topics, availability_message, availability_of, message_of, topic_level
from tests.sample_events import drop, error, health, level, note, state, tokens, utterance

TOPICS = Topics("emotion", "desk")


def test_topics_are_those_of_the_contract():
    assert TOPICS.availability == "emotion/desk/availability"
    assert TOPICS.health == "emotion/desk/health"
    assert TOPICS.error == "emotion/desk/error"
    assert TOPICS.utterance("s1") == "emotion/desk/s1/utterance"
    assert TOPICS.state("s1") == "emotion/desk/s1/state"
    assert TOPICS.tokens("s1") == "emotion/desk/s1/tokens"
    assert TOPICS.level("s1") == "emotion/desk/s1/level"
    assert TOPICS.note == "emotion/desk/note"
    assert TOPICS.everything == "emotion/#"


@pytest.mark.parametrize("base", ["", "/", "emotion/", "/emotion", "a//b", "a/+/b", "a/#", "a\x00b", "$SYS", "a\nb"])
def test_a_base_that_is_no_topic_is_refused(base):
    with pytest.raises(UsageError, match=r"mqtt\.base"):
        Topics(base, "desk")


@pytest.mark.parametrize("base", ["emotion", "home/emotion", "Büro 1"])
def test_a_base_may_have_levels_spaces_and_letters_of_any_language(base):
    assert Topics(base, "desk").health == f"{base}/desk/health"


@given(st.text())
def test_any_name_becomes_exactly_one_topic_level(name):
    topics = Topics("emotion", name)
    topic = topics.utterance(name)
    assert topic.count("/") == 3
    assert topic_matches_sub("emotion/+/+/utterance", topic)
    assert not set("+#\x00") & set(topic)
    topic.encode()


@pytest.mark.parametrize("event", [utterance(1), state(1), tokens(1), level()], ids=lambda event: event.schema)
def test_a_source_with_a_name_has_topics_of_that_name_in_every_run(event):
    message = message_of(replace(event, stream="ab12-1", name="alice"), TOPICS, details=True)
    assert message.topic == f"emotion/desk/alice/{event.schema.split('/')[1]}"
    assert json.loads(message.payload)["stream"] == "ab12-1"


def test_names_that_fit_stay_as_they_are():
    assert topic_level("mic:USB Audio") == "mic:USB Audio"
    assert topic_level("a/b+c#d") == "a_b_c_d"
    assert topic_level("") == "_"


def test_a_finished_utterance_is_kept_by_the_broker_for_an_hour_and_not_retained():
    event = utterance(7)
    message = message_of(event, TOPICS)
    assert message is not None
    assert decode(message.payload) == event
    assert message.topic == "emotion/desk/s1/utterance"
    assert not message.retain
    assert (message.schema, message.model) == ("emotion-monitor/utterance/1", "ltu-as-mini")
    assert message.remaining_s(now=0) == message.remaining_s(now=1e10) == 3600


def test_a_state_is_retained_until_it_is_void():
    message = message_of(state(valid_s=100), TOPICS)
    assert message is not None
    assert message.topic == "emotion/desk/s1/state"
    assert message.retain
    assert message.expiry_s == pytest.approx(100)
    waiting = replace(message, valid_until=1000.0)
    assert [waiting.remaining_s(now) for now in (939.5, 1000.0, 1060.0)] == [61, 0, 0]


def test_health_is_retained():
    message = message_of(health(), TOPICS)
    assert message is not None
    assert message.topic == "emotion/desk/health"
    assert message.retain
    assert message.remaining_s(now=0) is None


@pytest.mark.parametrize("event", [drop(), error()])
def test_drops_and_errors_share_a_topic_and_tell_by_their_schema(event):
    message = message_of(event, TOPICS)
    assert message is not None
    assert message.topic == "emotion/desk/error"
    assert not message.retain
    assert json.loads(message.payload)["schema"] == message.schema == event.schema


@pytest.mark.parametrize("event", [level(), tokens(), utterance(final=False)])
def test_levels_tokens_and_interim_readings_are_not_published(event):
    assert message_of(event, TOPICS) is None


def test_with_details_levels_and_tokens_are_published_for_who_is_there_soon():
    assert message_of(utterance(final=False), TOPICS, details=True) is None
    for event, qos, at_most_s in ((level(), 0, 2), (tokens(), 1, 60)):
        message = message_of(event, TOPICS, details=True)
        assert message is not None
        assert decode(message.payload) == event
        assert message.topic == f"emotion/desk/s1/{event.schema.split('/')[1]}"
        assert (message.qos, message.retain, message.remaining_s(now=0)) == (qos, False, at_most_s)


def test_a_note_has_a_topic_of_its_own():
    message = message_of(note(), TOPICS)
    assert message is not None
    assert (message.topic, message.qos, message.retain) == ("emotion/desk/note", 1, False)


def test_availability_is_plain_text_and_retained():
    message = availability_message("offline", TOPICS)
    assert (message.topic, message.payload, message.retain) == ("emotion/desk/availability", b"offline", True)


def sink(name: str, state: str) -> SinkHealth:
    return SinkHealth(name=name, state=state, detail="", queued=0, dropped=0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (health(), "online"),
        (health(worker="starting"), "online"),
        (health(worker="restarting"), "degraded"),
        (health(worker="failed"), "degraded"),
        (health(stream_state="failed"), "degraded"),
        (health(sinks=(sink("jsonl", "degraded"),)), "degraded"),
        (health(sinks=(sink("mqtt", "degraded"), sink("jsonl", "ok"))), "online"),
    ],
)
def test_a_node_is_degraded_when_another_part_than_mqtt_fails(event, expected):
    assert availability_of(event, without="mqtt") == expected
