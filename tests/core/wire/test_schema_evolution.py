"""The contract changes only as core/wire/events.py says, so that readers of a version keep working.

tests/golden/wire holds the contract as it was published last: schemas, and a message of each kind. Whoever publishes a
release writes it anew with `python -m tests.golden.make_wire`; between releases nothing in it may be broken.
"""

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wire.claim import decode_claim
from core.wire.commands import CommandError, decode_command
from core.wire.events import EventError, decode, encode
from core.wire.json_schema import json_schemas
from tests import sample_events
from tests.program import REPOSITORY

PUBLISHED = REPOSITORY / "tests" / "golden" / "wire"
OLD = json.loads((PUBLISHED / "schemas.json").read_text())
NEW = json_schemas()
MESSAGES = [json.loads(line) for line in (PUBLISHED / "messages.jsonl").read_text().splitlines()]

Schema = dict[str, Any]


def fields_of(schema: Schema) -> dict[str, tuple[Schema, bool]]:
    """Field, with the part it belongs to -> what it may hold, and whether it is sure to be there."""
    fields = {}
    for part, whole in {"": schema, **schema.get("$defs", {})}.items():
        for name, value in whole.get("properties", {}).items():
            meaning = {key: what for key, what in value.items() if key not in {"description", "default"}}
            fields[f"{part}.{name}"] = (meaning, name in whole.get("required", ()))
    return fields


def breaks(old: Schema, new: Schema) -> set[str]:
    """Fields by which a reader of `old` could stumble over a message of `new`, or the other way round."""
    before, after = fields_of(old), fields_of(new)
    changed = {name for name, field in before.items() if after.get(name) != field}
    parts = {name.partition(".")[0] for name in before}
    demanded = {name for name in after.keys() - before.keys() if after[name][1] and name.partition(".")[0] in parts}
    return changed | demanded


@pytest.mark.parametrize("name", OLD)
def test_what_was_published_is_not_broken(name):
    assert name in NEW, "a version that was published stays for at least one more release"
    assert breaks(OLD[name], NEW[name]) == set(), "this is a new version: see the top of core/wire/events.py"


def _remove(schema: Schema) -> None:
    del schema["properties"]["margin"]


def _rename(schema: Schema) -> None:
    schema["properties"]["lead"] = schema["properties"].pop("margin")


def _retype(schema: Schema) -> None:
    schema["properties"]["seq"]["type"] = "string"


def _newly_null(schema: Schema) -> None:
    schema["properties"]["stream"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def _another_value(schema: Schema) -> None:
    schema["properties"]["status"]["enum"].append("perhaps")


def _newly_absent(schema: Schema) -> None:
    schema["required"].remove("start_s")


def _newly_demanded(schema: Schema) -> None:
    schema["properties"]["mood"] = {"type": "string"}
    schema["required"].append("mood")


def _change_of_a_part(schema: Schema) -> None:
    del schema["$defs"]["LatencyMs"]["properties"]["llm"]


CHANGES = (_remove, _rename, _retype, _newly_null, _another_value, _newly_absent, _newly_demanded, _change_of_a_part)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_that_would_break_readers_is_noticed(change: Callable[[Schema], None]):
    new = copy.deepcopy(NEW["emotion-monitor/utterance/1"])
    change(new)
    assert breaks(NEW["emotion-monitor/utterance/1"], new)


def test_a_new_field_a_new_part_and_better_words_are_no_change():
    new = copy.deepcopy(NEW["emotion-monitor/utterance/1"])
    new["properties"]["mood"] = {"$ref": "#/$defs/Mood", "default": None}
    new["$defs"]["Mood"] = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    new["properties"]["seq"]["description"] = "Counts."
    assert breaks(NEW["emotion-monitor/utterance/1"], new) == set()


def holds(now: Any, before: Any) -> bool:
    """Whether everything that a message said is still there; more may be."""
    if isinstance(before, dict):
        return all(name in now and holds(now[name], value) for name, value in before.items())
    if isinstance(before, list):
        return len(now) == len(before) and all(map(holds, now, before))
    return bool(now == before)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["schema"])
def test_a_message_that_was_published_is_still_read_with_nothing_lost(message):
    text = json.dumps(message)
    kind = message["schema"].split("/")[1]
    if kind == "claim":
        assert decode_claim(text.encode()).run == message["run"]
    elif kind == "command":
        decode_command(text.encode())
    elif kind != "answer":
        again = json.loads(encode(decode(text)))
        assert holds(again, message)


def with_news(value: Any, news: Any) -> Any:
    """A message of a later version: every object in it has a field that nobody knows yet."""
    if isinstance(value, list):
        return [with_news(item, news) for item in value]
    if not isinstance(value, dict) or not value or all(isinstance(one, int) for one in value.values()):
        return value  # a number, a text, or counts by name
    return {**{name: with_news(one, news) for name, one in value.items()}, "from_the_future": news}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
events = st.sampled_from(
    [make() for make in (sample_events.utterance, sample_events.state, sample_events.level, sample_events.drop)]
    + [sample_events.error(), sample_events.health()]
)


@given(events, json_values)
def test_an_old_reader_takes_a_new_message(event, news):
    message = with_news(json.loads(encode(event)), news)
    assert decode(json.dumps(message)) == event, "our own reader ignores what it does not know"
    jsonschema.Draft202012Validator(OLD[event.schema]).validate(message)


def test_an_old_reader_knows_a_new_version_for_what_it_is():
    message = json.loads(encode(sample_events.utterance())) | {"schema": "emotion-monitor/utterance/2"}
    with pytest.raises(EventError, match="utterance/2"):
        decode(json.dumps(message))
    assert not jsonschema.Draft202012Validator(OLD["emotion-monitor/utterance/1"]).is_valid(message)


def test_an_old_monitor_refuses_a_command_with_a_field_of_a_later_version():
    with pytest.raises(CommandError, match="for_s"):
        decode_command(b'{"command": "pause", "for_s": 60}')
    with pytest.raises(CommandError) as caught:
        decode_command(b'{"command": "dance"}')
    assert "pause, resume" in caught.value.one_line(), "and says what it knows"
