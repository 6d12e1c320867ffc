"""docs/asyncapi.yaml as a judge of messages: which channel it belongs to, and what is wrong with it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import jsonschema
import yaml

from tests.mosquitto import Received

DOCUMENT = Path(__file__).parents[1] / "docs" / "asyncapi.yaml"

_PROPERTIES = ("content-type", "payload-format-indicator")


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel, with what is said on it."""

    name: str
    address: re.Pattern[str]
    operations: list[dict[str, Any]]
    messages: dict[str, dict[str, Any]]


class Contract:
    """The document, its references followed.

    Args:
        base: First level of the topics.
        prefix: That of discovery.
    """

    def __init__(self, *, base: str = "emotion", prefix: str = "homeassistant") -> None:
        self._document = yaml.safe_load(DOCUMENT.read_text())
        fixed = {"base": base, "prefix": prefix}
        self._channels = [
            _Channel(
                name=name,
                address=_pattern(channel["address"], fixed),
                operations=[o for o in self._document["operations"].values() if self._follow(o["channel"]) is channel],
                messages={kind: self._follow(message) for kind, message in channel["messages"].items()},
            )
            for name, channel in self._document["channels"].items()
        ]

    @property
    def sent(self) -> set[str]:
        """Names of the channels that a monitor sends on."""
        return {c.name for c in self._channels if any(o["action"] == "send" for o in c.operations)}

    def check(self, message: Received) -> str:
        """Holds a message against the document, MQTT 5 properties included; gives the name of its channel.

        Raises:
            AssertionError: It is on no channel, or is not as described there.
        """
        channels = [channel for channel in self._channels if channel.address.fullmatch(message.topic)]
        assert len(channels) == 1, f"{message.topic} is on {[c.name for c in channels]}"
        [channel] = channels
        kind = self._kind_of(message, channel)
        self._check_payload(message, kind)
        self._check_properties(message, kind)
        self._check_delivery(message, channel)
        return channel.name

    def examples(self) -> list[tuple[str, Any, dict[str, Any]]]:
        """Message name, example and schema."""
        return [
            (name, example["payload"], self._schema(message))
            for name, message in self._document["components"]["messages"].items()
            for example in message.get("examples", ())
        ]

    def _kind_of(self, message: Received, channel: _Channel) -> dict[str, Any]:
        if len(channel.messages) == 1:
            return next(iter(channel.messages.values()))
        if not message.payload:
            return next(m for m in channel.messages.values() if "payload" not in m)
        for kind in channel.messages.values():
            schema = self._schema(kind)
            if schema.get("$id", schema) == message.json["schema"]:
                return kind
        msg = f"{message.topic}: no message with schema {message.json['schema']}"
        raise AssertionError(msg)

    def _check_payload(self, message: Received, kind: dict[str, Any]) -> None:
        if "payload" not in kind:
            assert not message.payload
            return
        is_json = kind.get("contentType", self._document["defaultContentType"]) == "application/json"
        payload = message.json if is_json else message.payload
        jsonschema.Draft202012Validator(self._schema(kind)).validate(payload)

    def _check_properties(self, message: Received, kind: dict[str, Any]) -> None:
        binding = kind["bindings"]["mqtt"]
        expected = (binding.get("contentType"), binding.get("payloadFormatIndicator"))
        if expected != (None, None):
            found = tuple(message.properties.get(name) for name in _PROPERTIES)
            assert found == expected, f"{message.topic}: {dict(zip(_PROPERTIES, found, strict=True))}"
        user = message.properties.get("user-properties", {})
        jsonschema.validate(user, kind.get("headers", {"maxProperties": 0}))
        if "schema" in user:
            assert user["schema"] == message.json["schema"]
            assert user.get("model", message.json.get("model")) == _model_of(message.json)

    def _check_delivery(self, message: Received, channel: _Channel) -> None:
        bindings = [operation["bindings"]["mqtt"] for operation in channel.operations]
        for binding in bindings:
            assert message.qos == binding["qos"], f"{message.topic}: QoS {message.qos}"
            assert not message.retain or binding["retain"], f"{message.topic}: retained"
            expiry = message.properties.get("message-expiry-interval")
            expected = binding.get("messageExpiryInterval")
            if isinstance(expected, dict):
                if message.payload:
                    jsonschema.validate(expiry, expected)
            else:
                assert (expiry is None) == (expected is None), f"{message.topic}: expires after {expiry}"
                assert expiry is None or 0 < expiry <= expected, f"{message.topic}: expires after {expiry}"

    def _schema(self, message: dict[str, Any]) -> Any:
        return self._follow(message["payload"])

    def _follow(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            file, fragment = urldefrag(node["$ref"])
            node = json.loads((DOCUMENT.parent / file).read_text()) if file else self._document
            for part in fragment.strip("/").split("/") if fragment else ():
                node = node[part]
        return node


def _model_of(payload: dict[str, Any]) -> str | None:
    model = payload.get("model") or payload.get("worker", {}).get("model")
    return model["name"] if isinstance(model, dict) else model


def _pattern(address: str, fixed: dict[str, str]) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", address)
    return re.compile(
        "".join(
            (re.escape(fixed[part]) if part in fixed else r"[^/+#]+") if is_parameter else re.escape(part)
            for is_parameter, part in zip([False, True] * len(parts), parts, strict=False)
        )
    )
