"""The AsyncAPI document is one, for AsyncAPI's own parser, and says what our schemas say."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from core.wire.json_schema import SCHEMA_FOLDER, json_schemas
from tests.asyncapi import DOCUMENT, Contract
from tests.mosquitto import Received

NODE = Path(__file__).parents[1] / "node"


MISTAKES = {
    "no such action": ("action: send", "action: shout"),
    "no such QoS": ("qos: 1", "qos: 7"),
    "no such property of the binding": ("payloadFormatIndicator: 1", "payloadFormat: 1"),
    "no such version of the binding": ("bindingVersion: 0.2.0", "bindingVersion: 9.9.9"),
    "no such schema file": ("../core/wire/schemas/utterance-1.json", "../core/wire/schemas/utterance-99.json"),
    "no such channel": ("$ref: '#/channels/health'", "$ref: '#/channels/wealth'"),
    "a parameter that no address has": ("address: '{base}/{node}/cmd'", "address: 'cmd'"),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> dict[str, dict[str, Any]]:
    """What the parser thinks of the document and of it with one mistake each; by mistake, "" for none."""
    if shutil.which("node") is None or not (NODE / "node_modules" / "@asyncapi" / "parser").is_dir():
        pytest.skip("no @asyncapi/parser: install npm and run make test (npm ci --prefix tests/node)")
    folder = tmp_path_factory.mktemp("repository")
    (folder / "docs").mkdir()
    shutil.copytree(SCHEMA_FOLDER, folder / "core" / "wire" / "schemas")
    text = DOCUMENT.read_text()
    documents = {"": DOCUMENT}
    for mistake, (right, wrong) in MISTAKES.items():
        assert right in text
        documents[mistake] = folder / "docs" / f"{len(documents)}.yaml"
        documents[mistake].write_text(text.replace(right, wrong, 1))
    command = ("node", NODE / "check_asyncapi.mjs", *documents.values())
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answers = json.loads(done.stdout)
    return {mistake: answers[str(path)] for mistake, path in documents.items()}


def test_asyncapis_own_parser_finds_nothing_wrong(judged):
    assert judged[""]["ok"]
    assert {finding["code"] for finding in judged[""]["findings"]} <= {"asyncapi-latest-version"}, judged[""]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_parser_is_not_blind_to(mistake, judged):
    assert not judged[mistake]["ok"]


def test_every_shipped_schema_of_what_goes_over_mqtt_is_in_it():
    text = DOCUMENT.read_text()
    named = {path.name for path in SCHEMA_FOLDER.iterdir() if f"core/wire/schemas/{path.name}" in text}
    assert {path.name for path in SCHEMA_FOLDER.iterdir()} == named


def test_examples_fit_the_schemas():
    examples = Contract().examples()
    assert {name for name, *_ in examples} >= {"availability", "utterance", "state", "health", "command", "answer"}
    for _, example, schema in examples:
        jsonschema.Draft202012Validator(schema).validate(example)


STATE = {
    "topic": "emotion/desk/s1/state",
    "qos": 1,
    "retain": True,
    "properties": {
        "content-type": "application/json",
        "payload-format-indicator": 1,
        "message-expiry-interval": 100,
        "user-properties": {"schema": "emotion-monitor/state/1"},
    },
}


def state(**changes: object) -> Received:
    payload = next(example for name, example, _ in Contract().examples() if name == "state")
    return Received(**{"payload": json.dumps(payload), **STATE, **changes})


def test_a_message_as_described_is_told_its_channel():
    assert Contract().check(state()) == "state"


@pytest.mark.parametrize(
    "changes",
    [
        {"topic": "emotion/desk/s1/mood"},
        {"topic": "other/desk/s1/state"},
        {"topic": "emotion/desk/s1/x/state"},
        {"qos": 0},
        {"properties": {}},
        {"properties": {**STATE["properties"], "content-type": "text/plain"}},
        {"properties": {**STATE["properties"], "user-properties": {"schema": "emotion-monitor/state/2"}}},
        {"properties": {**STATE["properties"], "message-expiry-interval": None}},
        {"payload": '{"schema": "emotion-monitor/state/1"}'},
    ],
)
def test_a_message_that_is_otherwise_is_refused(changes):
    with pytest.raises((AssertionError, jsonschema.ValidationError)):
        Contract().check(state(**changes))


def test_json_schemas_and_document_agree_on_names():
    for name in json_schemas():
        assert name.split("/")[1] in Contract()._document["components"]["messages"]
