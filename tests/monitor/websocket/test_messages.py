"""The messages, their schema, and the document that shows them."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from core.settings import Settings
from monitor.websocket import messages
from monitor.websocket.messages import End, Hello, MessageError, decode, encode, json_schema

DOCS = Path(__file__).parents[3] / "docs"
DOCUMENT = (DOCS / "websocket.md").read_text() if (DOCS / "websocket.md").exists() else ""
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", DOCUMENT, flags=re.DOTALL)]


def test_what_a_client_says_survives_the_wire():
    for message in (Hello(sample_rate_hz=16000, name="kitchen", token="x" * 16), End()):
        assert decode(encode(message)) == message


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", '"end"', '{"type":"ready"}', '{"type":["end"]}', "\ud800"])
def test_what_is_no_message_is_an_error_of_ours(text):
    with pytest.raises(MessageError):
        decode(text)


def test_the_shipped_schema_is_that_of_the_code():
    assert json.loads((DOCS / "websocket.schema.json").read_text()) == json_schema()


def test_every_kind_of_message_has_an_example_in_the_document_and_every_example_is_valid():
    schema = json_schema()
    for example in EXAMPLES:
        jsonschema.validate(example, schema)
    kinds = {
        definition["properties"]["type"]["const"]
        for definition in schema["$defs"].values()
        if "type" in definition["properties"]
    }
    assert {example["type"] for example in EXAMPLES} == kinds


def test_the_document_names_every_setting_and_close_code():
    from monitor.websocket.protocol import CloseCode

    for name in Settings().websocket.__dataclass_fields__:
        assert f"`{name}`" in DOCUMENT, name
    for code in CloseCode:
        assert str(int(code)) in DOCUMENT


def test_messages_are_named_by_their_type():
    assert messages.encode(End()) == '{"type":"end"}'
