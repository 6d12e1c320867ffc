"""Commands on the wire."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.commands import (
    COMMAND_SCHEMA,
    MAX_COMMAND_BYTES,
    WIRE_COMMANDS,
    Answer,
    CommandError,
    Pause,
    SetSmoothing,
    SwitchSource,
    command_name,
    decode_command,
    encode_answer,
    encode_command,
)

ids = st.none() | st.text(max_size=128)
EVERY = st.one_of(
    *(st.builds(kind, id=ids, reply_to=ids) for kind in WIRE_COMMANDS if kind not in (SetSmoothing, SwitchSource)),
    st.builds(SetSmoothing, id=ids, tau_s=st.floats(0, 600)),
    st.builds(SwitchSource, id=ids, source=st.text(max_size=256), stream=st.none() | st.text(max_size=64)),
)


@given(EVERY)
def test_what_is_sent_is_what_arrives(command):
    sent = encode_command(command)
    assert decode_command(sent) == command if len(sent) <= MAX_COMMAND_BYTES else True
    assert json.loads(sent)["schema"] == COMMAND_SCHEMA


def test_a_command_may_be_as_short_as_its_name():
    assert decode_command(b'{"command": "pause"}') == Pause()


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "invalid json"),
        (b"\xff\xfe", "invalid json"),
        (b"null", "not a command"),
        (b"[" * 3000, "recursion limit"),
        (b"{}", "command"),
        (b'{"command": "explode"}', "does not match any of the expected tags"),
        (b'{"command": "quit"}', "does not match any of the expected tags"),
        (b'{"command": "pause", "until": 5}', "pause.until: unexpected keyword argument"),
        (b'{"command": "pause", "schema": "emotion-monitor/command/2"}', "pause.schema"),
        (b'{"command": "set_smoothing"}', "set_smoothing.tau_s: field required"),
        (b'{"command": "set_smoothing", "tau_s": "5"}', "valid number"),
        (b'{"command": "set_smoothing", "tau_s": -1}', "greater than or equal to 0"),
        (b'{"command": "set_smoothing", "tau_s": 1e308}', "less than or equal to 600"),
        (b'{"command": "set_smoothing", "tau_s": NaN}', "not a command"),
        (b'{"command": "switch_source", "source": "%s"}' % (b"m" * 300), "at most 256 characters"),
        (b'{"command": "pause", "id": "%s"}' % (b"x" * 5000), "at most 4096 are read"),
    ],
)
@pytest.mark.fault(12, "invalid UTF-8 and JSON, 1e308, deep nesting, too long")
def test_what_is_no_command_is_refused_in_one_line_that_lists_the_commands(sent, why):
    with pytest.raises(CommandError, match=why) as refusal:
        decode_command(sent)
    line = refusal.value.one_line()
    assert "\n" not in line
    if len(sent) <= MAX_COMMAND_BYTES:
        assert all(command_name(kind) in line for kind in WIRE_COMMANDS)
    assert len(line) < 600


@pytest.mark.parametrize(
    ("sent", "number", "topic"),
    [
        (b'{"command": "dance", "id": "7", "reply_to": "t"}', "7", "t"),
        (b'{"command": "note", "text": "%s", "id": "7", "reply_to": "t"}' % (b"x" * MAX_COMMAND_BYTES), "7", "t"),
        (b'{"id": 7, "reply_to": "%s"}' % (b"t" * 257), None, None),
        (b'["id", "7"]', None, None),
        (b'{"id": "7"', None, None),
        (b'{"id": "7", "text": "%s"}' % (b"x" * 100_000), None, None),
    ],
)
def test_a_refusal_keeps_what_says_whom_it_is_for(sent, number, topic):
    with pytest.raises(CommandError) as refusal:
        decode_command(sent)
    assert (refusal.value.id, refusal.value.reply_to) == (number, topic)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(sent):
    with pytest.raises(CommandError):
        decode_command(sent)


def test_an_answer_says_all_of_it():
    answer = Answer(node="kitchen", at="2026-01-01T10:00:00.000Z", id="7", command="pause", ok=True)
    assert json.loads(encode_answer(answer)) == {
        "node": "kitchen",
        "at": "2026-01-01T10:00:00.000Z",
        "id": "7",
        "command": "pause",
        "ok": True,
        "error": None,
        "hint": None,
        "schema": "emotion-monitor/answer/1",
    }
