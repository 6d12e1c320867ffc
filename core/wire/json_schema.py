"""The JSON Schemas of what is on the wire, made from its dataclasses; core/wire/schemas holds them as files.

`emotion-monitor schema --out core/wire/schemas` writes the files anew; a test fails when they differ.
"""

import json
import re
from pathlib import Path
from typing import Any

from core.wire.claim import Claim
from core.wire.commands import COMMAND_SCHEMA, Answer, WireCommand
from core.wire.events import EVENT_TYPES, schema_name
from core.wire.jobs import JOB_TYPES

SCHEMA_FOLDER = Path(__file__).parent / "schemas"
"""The schemas as files: `emotion-monitor/utterance/1` is utterance-1.json."""


def json_schemas() -> dict[str, dict[str, Any]]:
    """Schema name to JSON Schema (draft 2020-12), for events, commands (one for all), answers, claims and jobs."""
    events = {schema_name(event_type): _schema_of(event_type) for event_type in EVENT_TYPES}
    command = {"description": "What other programs may ask of a running monitor. Unknown fields are refused."}
    others = {
        schema["properties"]["schema"]["const"]: schema for schema in map(_schema_of, (Answer, Claim, *JOB_TYPES))
    }
    schemas = {**events, COMMAND_SCHEMA: {**command, **_schema_of(WireCommand)}, **others}
    dialect = "https://json-schema.org/draft/2020-12/schema"
    return {name: {"$schema": dialect, "$id": name, **schema} for name, schema in schemas.items()}


def schema_file(name: str) -> str:
    """File name of a schema: `utterance-1.json` for `emotion-monitor/utterance/1`."""
    return "-".join(name.split("/")[1:]) + ".json"


def write_schemas(folder: Path) -> list[Path]:
    """Writes one file per schema, and returns their paths.

    Raises:
        OSError: The folder cannot be made or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in json_schemas().items():
        written.append(folder / schema_file(name))
        written[-1].write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return written


def _schema_of(wire_type: Any) -> dict[str, Any]:
    from pydantic import ConfigDict, TypeAdapter
    from pydantic.json_schema import GenerateJsonSchema

    class Plain(GenerateJsonSchema):
        """Without titles that only repeat the names."""

        def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
            return False

    # A dataclass takes the configuration of what holds it, so it is asked for as the items of a list.
    adapter = TypeAdapter(list[wire_type], config=ConfigDict(use_attribute_docstrings=True))
    generated = adapter.json_schema(schema_generator=Plain)
    parts: dict[str, Any] = generated.get("$defs", {})
    schema = generated["items"]
    if "$ref" in schema:
        schema = parts.pop(schema["$ref"].rpartition("/")[2])
    for whole in (schema, *parts.values()):
        _tidy(whole)
    return {**schema, **({"$defs": parts} if parts else {})}


def _tidy(schema: dict[str, Any]) -> None:
    """Docstrings as running text; among the required fields, the one that tells messages apart."""
    properties = schema.get("properties", {})
    for described in (schema, *properties.values()):
        if "description" in described:
            text = described["description"].partition("\n\nRaises:")[0]
            described["description"] = re.sub(r"(?<!\n)\n(?!\n)", " ", text)
    for name in ("command", "schema"):
        if "const" in properties.get(name, {}):
            schema["required"] = sorted({*schema.get("required", ()), name})
            return
