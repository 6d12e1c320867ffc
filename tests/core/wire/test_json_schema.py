"""The contract as JSON Schema: it says what the code says, the shipped files included."""

import dataclasses
import json
import re
import subprocess
import sys

import jsonschema
import pytest

from core.wire.commands import COMMAND_SCHEMA, WIRE_COMMANDS, CommandError, SetSmoothing, decode_command, encode_command
from core.wire.events import EVENT_TYPES, encode, schema_name
from core.wire.json_schema import SCHEMA_FOLDER, json_schemas, schema_file, write_schemas
from tests import sample_events

SCHEMAS = json_schemas()
EVENT_NAMES = [schema_name(event_type) for event_type in EVENT_TYPES]
UTTERANCE = SCHEMAS["emotion-monitor/utterance/1"]


def test_the_shipped_files_are_what_the_code_generates(tmp_path):
    fresh = {path.name: path.read_text() for path in write_schemas(tmp_path)}
    shipped = {path.name: path.read_text() for path in SCHEMA_FOLDER.iterdir()}
    assert shipped == fresh, "run: emotion-monitor schema --out core/wire/schemas"


def test_the_program_prints_them_all_or_writes_a_file_each(tmp_path):
    program = (sys.executable, "-m", "monitor", "schema")
    printed = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == SCHEMAS
    named = subprocess.run((*program, "--out", tmp_path / "new"), capture_output=True, text=True, check=True).stdout
    assert named.split() == [str(tmp_path / "new" / schema_file(name)) for name in SCHEMAS]


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    program = (sys.executable, "-m", "monitor", "schema", "--out", tmp_path / "file")
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"emotion-monitor: --out: cannot write .*file: .*\n", done.stderr)


def test_names_are_unique_and_carry_a_version():
    assert len(set(EVENT_NAMES)) == len(EVENT_NAMES)
    others = {f"emotion-monitor/{name}/1" for name in ("answer", "claim", "job", "result", "offer")}
    assert set(SCHEMAS) == {*EVENT_NAMES, COMMAND_SCHEMA, *others}
    assert all(re.fullmatch(r"emotion-monitor/[a-z]+/\d+", name) for name in SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_is_valid_json_schema(name):
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert SCHEMAS[name]["$id"] == name


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=EVENT_NAMES)
def test_an_event_needs_every_field_without_default(event_type):
    schema = SCHEMAS[schema_name(event_type)]
    fields = dataclasses.fields(event_type)
    without_default = {
        f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    assert set(schema["required"]) == {"schema", *without_default}
    assert set(schema["properties"]) == {f.name for f in fields}


@pytest.mark.parametrize("name", SCHEMAS)
def test_each_says_what_it_describes_in_the_words_of_the_docstrings(name):
    schema = SCHEMAS[name]
    for whole in (schema, *schema.get("$defs", {}).values()):
        assert whole["description"]
        assert "Raises" not in whole["description"]
    assert "drop repeats by it" in UTTERANCE["properties"]["id"]["description"]


def test_it_tells_a_wrong_event_from_a_right_one():
    validator = jsonschema.Draft202012Validator(UTTERANCE)
    payload = json.loads(encode(sample_events.utterance(1)))
    assert validator.is_valid(payload)
    assert not validator.is_valid({**payload, "schema": "emotion-monitor/drop/1"})
    assert not validator.is_valid({**payload, "final": "yes"})
    assert not validator.is_valid({key: value for key, value in payload.items() if key != "distribution"})


GOOD = json.loads(encode_command(SetSmoothing(tau_s=5.0, id="42", reply_to="emotion/desk/answer/me")))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tau_s": 0},
        {"tau_s": -1},
        {"tau_s": 1e308},
        {"tau_s": "5"},
        {"id": None},
        {"id": "x" * 129},
        {"id": 42},
        {"command": "set_fire"},
        {"command": "pause"},
        {"stream": "s1"},
        {"schema": "emotion-monitor/command/2"},
    ],
)
def test_the_schema_of_commands_takes_what_the_monitor_takes(changes):
    message = {**GOOD, **changes}
    try:
        decode_command(json.dumps(message).encode())
        taken = True
    except CommandError:
        taken = False
    assert jsonschema.Draft202012Validator(SCHEMAS[COMMAND_SCHEMA]).is_valid(message) == taken


def test_every_command_has_its_part_in_the_schema():
    assert set(SCHEMAS[COMMAND_SCHEMA]["$defs"]) == {command.__name__ for command in WIRE_COMMANDS}
