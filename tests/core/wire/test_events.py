import copy
import dataclasses
import functools
import json
import math
import operator
import types
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EmotionDistribution
from core.wire.events import (
    EVENT_TYPES,
    DropEvent,
    ErrorEvent,
    Event,
    EventError,
    LatencyMs,
    ModelStamp,
    UtteranceEvent,
    decode,
    encode,
    schema_name,
)
from core.wire.json_schema import json_schemas
from core.wire.values import timestamp

SCHEMAS = json_schemas()
NAMES = [schema_name(event_type) for event_type in EVENT_TYPES]

distributions = st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda w: sum(w) > 1e-3)
distributions = distributions.map(EmotionDistribution.from_weights)
simple = {
    str: st.text(max_size=20),
    int: st.integers(0, 2**53 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    type(None): st.none(),
    EmotionDistribution: distributions,
}


def values_of(hint: object) -> st.SearchStrategy:
    """Any value that fits a type of the wire events."""
    if hint in simple:
        return simple[hint]
    if dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        fields = {name: values_of(kind) for name, kind in hints.items() if name != "schema"}
        return st.builds(hint, **fields)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(values_of, arguments))
    if origin is dict:
        return st.dictionaries(*map(values_of, arguments), max_size=3)
    if origin is tuple and arguments[1:] == (...,):
        return st.lists(values_of(arguments[0]), max_size=2).map(tuple)
    msg = f"no values of {hint} are known"
    raise TypeError(msg)


any_event = st.one_of(*map(values_of, EVENT_TYPES))

READING = UtteranceEvent(
    id="0b8e0c0e-0000-5000-8000-000000000000",
    seq=12,
    stream="s1",
    source="mic:USB",
    utterance=3,
    started_at="2026-01-01T10:00:00.000Z",
    start_s=12.34,
    end_s=15.02,
    final=True,
    status="ok",
    reason=None,
    distribution=EmotionDistribution(0.1, 0.2, 0.3, 0.4),
    smoothed=None,
    entropy=0.9,
    margin=0.1,
    dominant="neutral",
    model=ModelStamp(name="ltu-as-mini", sha256="00", prompt="single", readout="seq_logprob"),
    transcript=None,
    truncated_s=0.0,
    latency_ms=LatencyMs(hangover=600, queue=1, features=2, llm=3, total=610),
)


@given(any_event)
def test_an_event_survives_the_wire_and_fits_its_schema(event: Event):
    data = encode(event)
    assert decode(data) == event
    assert decode(data.decode()) == event
    jsonschema.Draft202012Validator(SCHEMAS[schema_name(type(event))]).validate(json.loads(data))


@given(any_event, st.dictionaries(st.text(min_size=12, max_size=20), st.none() | st.integers() | st.text()))
def test_an_old_reader_ignores_new_fields(event: Event, news: dict):
    payload = {**json.loads(encode(event)), **{f"new_{name}": value for name, value in news.items()}}
    assert decode(json.dumps(payload)) == event


def test_a_new_field_inside_a_part_is_ignored_too():
    payload = json.loads(encode(READING))
    payload["latency_ms"]["new"] = 1
    payload["model"]["new"] = {"nested": []}
    assert decode(json.dumps(payload)) == READING


def test_an_event_is_one_compact_line_that_begins_with_its_schema():
    data = encode(replace(READING, reason="line one\nline two", transcript="dvě slova"))
    assert data.startswith(b'{"schema":"emotion-monitor/utterance/1",')
    assert b"\n" not in data
    assert "dvě slova".encode() in data


def test_probabilities_go_by_name():
    payload = json.loads(encode(READING))
    assert payload["distribution"] == {"anger": 0.1, "happiness": 0.2, "sadness": 0.3, "neutral": 0.4}


def test_a_source_whose_name_is_no_unicode_can_still_be_told():
    event = decode(encode(replace(READING, source="file:caf\udce9.wav")))
    assert isinstance(event, UtteranceEvent)
    assert event.source == "file:caf?.wav"


def test_a_source_whose_name_would_command_a_terminal_is_told_without_doing_so():
    event = ErrorEvent(at="2026-01-01T10:00:00.000Z", where="source", message="talk\x1b[31m\x7f\x9b2J.wav")
    assert decode(encode(event)) == event
    assert encode(event).decode().isprintable()


def test_a_number_that_json_does_not_know_is_not_sent():
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode(replace(READING, margin=math.nan))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1e999"])
def test_a_number_that_is_not_finite_is_not_taken_either(number):
    with pytest.raises(EventError, match="margin: Input should be a finite number"):
        decode(encode(READING).replace(f'"margin":{READING.margin}'.encode(), f'"margin":{number}'.encode()))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "JSON"),
        (b"not json", "JSON"),
        (b"[]", "valid"),
        (b"{}", "schema"),
        (b'{"schema": "emotion-monitor/utterance/99"}', "utterance/99"),
        (b'{"schema": "emotion-monitor/drop/1", "stream": "s"}', "source"),
        (b'\xff\xfe{"schema"', "JSON"),
    ],
)
def test_what_is_no_event_is_refused_with_a_reason(data, told):
    with pytest.raises(EventError, match=told):
        decode(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("distribution", {"anger": 0.5, "happiness": 0.5, "sadness": 0.5, "neutral": 0.5}),
        ("distribution", {"anger": -0.5, "happiness": 0.5, "sadness": 0.5, "neutral": 0.5}),
        ("distribution", [0.1, 0.2, 0.3, 0.4]),
        ("status", "perhaps"),
        ("dominant", "boredom"),
        ("seq", "many"),
        ("latency_ms", None),
    ],
)
def test_a_wrong_value_is_refused_and_its_field_is_named(field, value):
    payload = {**json.loads(encode(READING)), field: value}
    with pytest.raises(EventError, match=field):
        decode(json.dumps(payload))


def numbers(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in plain JSON a number is."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from numbers(part, (*path, key))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path


def put(value: Any, path: tuple[Any, ...], number: int) -> Any:
    """The same JSON with another number there."""
    changed = copy.deepcopy(value)
    functools.reduce(operator.getitem, path[:-1], changed)[path[-1]] = number
    return changed


@given(any_event, st.sampled_from([10**400, -(10**400)]))
def test_a_number_that_no_float_can_be_is_refused_wherever_it_stands(event: Event, number: int):
    payload = json.loads(encode(event))
    for path in numbers(payload):
        with pytest.raises(EventError, match=path[0]):
            decode(json.dumps(put(payload, path, number)))


@pytest.mark.parametrize("number", [2**53 - 1, 1 - 2**53])
def test_integers_that_every_reader_of_json_holds_are_taken(number):
    assert decode(json.dumps({**json.loads(encode(READING)), "seq": number})).seq == number


def test_the_first_integer_beyond_them_is_refused_with_its_reason():
    with pytest.raises(EventError, match=r"seq: .*an integer beyond 2\^53"):
        decode(json.dumps({**json.loads(encode(READING)), "seq": 2**53}))


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_no_bytes_raise_anything_but_an_event_error(data):
    with pytest.raises(EventError):
        decode(data)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1767261600.0625, "2026-01-01T10:00:00.062Z"),
        (1.9996, "1970-01-01T00:00:01.999Z"),
    ],
)
def test_times_are_utc_with_milliseconds(seconds, text):
    assert timestamp(seconds) == text


def test_optional_fields_of_an_error_may_be_left_out():
    event = decode(b'{"schema":"emotion-monitor/error/1","at":"2026-01-01T10:00:00.000Z","where":"mqtt","message":"m"}')
    assert event == ErrorEvent(at="2026-01-01T10:00:00.000Z", where="mqtt", message="m")


def test_events_cannot_be_changed():
    event = DropEvent(stream="s", source="mic", at="2026-01-01T10:00:00.000Z", reason="overflow", start_s=0, end_s=1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.reason = "none"
