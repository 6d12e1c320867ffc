"""Events and commands as others may send them: refused with an error of ours, or taken, and can be sent on."""

import json
from contextlib import suppress

import pytest
from hypothesis import event as note
from hypothesis import given
from hypothesis import strategies as st

from core.wire.commands import (
    WIRE_COMMANDS,
    Answer,
    CommandError,
    Note,
    Pause,
    SetReading,
    SetSmoothing,
    SetVad,
    SwitchSource,
    decode_answer,
    decode_command,
    encode_answer,
    encode_command,
)
from core.wire.events import EventError, decode, encode
from monitor.mqtt.gate import Gate
from tests import sample_events
from tests.fuzz.bending import bent_json

pytestmark = pytest.mark.fuzz

EVENTS = [
    encode(make())
    for make in (
        *(sample_events.utterance, sample_events.state, sample_events.health, sample_events.level),
        *(sample_events.drop, sample_events.error, sample_events.tokens, sample_events.note),
    )
]
COMMANDS = [
    encode_command(command)
    for command in (
        Pause(id="7", reply_to="emotion/desk/answer/me"),
        SetSmoothing(tau_s=5),
        SwitchSource(source="mic:USB", stream="s1"),
        SetVad(mode=2),
        SetReading(prompt="single", readout="vocab_prob", explain=True),
        Note(text="the door"),
    )
]
ANSWER = encode_answer(Answer(node="desk", at="2026-01-01T10:00:00.000Z", id="7", command="pause", ok=True))


@given(bent_json(st.sampled_from(EVENTS)))
def test_an_event_is_refused_or_can_be_sent_on_as_it_was_understood(data):
    try:
        event = decode(data)
    except EventError:
        note("refused")
        return
    note("taken")
    sent_on = encode(event)
    assert b"\n" not in sent_on
    assert encode(decode(sent_on)) == sent_on
    json.loads(sent_on, parse_constant=pytest.fail)


@pytest.mark.fault(12, "bent commands, by hypothesis")
@given(st.lists(st.tuples(bent_json(st.sampled_from(COMMANDS)), st.booleans(), st.floats(0, 1)), max_size=15))
def test_a_message_is_a_command_or_at_most_one_refusal(messages):
    gate, now_s = Gate(), 0.0
    for payload, retained, passed_s in messages:
        now_s += passed_s
        judged = gate.push(payload, retained=retained, now_s=now_s)
        if isinstance(judged, CommandError):
            line = judged.one_line()
            assert line.isprintable()
            assert len(line) < 1000
            refused = Answer(
                node="desk", at="2026-01-01T10:00:00.000Z", id=judged.id, command=None, ok=False, error=str(judged)
            )
            assert decode_answer(encode_answer(refused)).ok is False
        elif judged is not None:
            note("taken")
            assert isinstance(judged, WIRE_COMMANDS)
            assert decode_command(encode_command(judged)) == judged
    counts = gate.counts
    assert counts.passed + counts.refused + counts.retained + counts.too_many == len(messages)


@given(bent_json(st.just(ANSWER)))
def test_an_answer_is_refused_or_understood(data):
    with suppress(CommandError):
        decode_answer(data)
        note("taken")
