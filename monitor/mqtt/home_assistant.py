"""Home Assistant finds the node by itself: one retained message describes it as a device with its sensors.

See https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload (Home Assistant 2024.11 and later).
"""

import json
import re
from importlib.metadata import version
from typing import Any

from core.distribution import EMOTIONS
from monitor.mqtt.messages import Message, Topics

_UNFIT_FOR_AN_ID = re.compile(r"[^a-zA-Z0-9_-]")
_SPEECH_LASTS_S = 10
"""Readings come every few seconds while someone speaks; without one for so long, nobody does."""


def discovery_message(topics: Topics, node: str, *, prefix: str, state_valid_s: float) -> Message:
    """The device: dominant emotion, four probabilities, entropy, and whether someone speaks.

    Sensors follow the readings of every stream of the node, smoothed, and become unknown when these are worth nothing
    any more: at that time, or when the node clears its state with an empty message. They describe what is heard, not
    what anybody feels.

    Args:
        topics: Of the node.
        node: Its name.
        prefix: Home Assistant's discovery prefix, `homeassistant` unless it was changed there.
        state_valid_s: How long a reading is worth something.
    """
    node_id = id_of(node)
    device_id = f"emotion_monitor_{node_id}"
    expires = {"state_topic": topics.state_of_any_stream, "expire_after": max(1, round(state_valid_s))}
    components: dict[str, dict[str, Any]] = {
        "dominant": {
            "platform": "sensor",
            "name": "Heard most",
            "icon": "mdi:account-voice",
            "device_class": "enum",
            "options": list(EMOTIONS),
            "value_template": "{{ value_json.dominant if value else None }}",
            "json_attributes_topic": topics.state_of_any_stream,
            "json_attributes_template": "{{ value if value else '{}' }}",  # a cleared state is no JSON
            **expires,
        },
        **{emotion: _probability(emotion) | expires for emotion in EMOTIONS},
        "entropy": {
            "platform": "sensor",
            "name": "Ambiguity",
            "icon": "mdi:blur",
            "state_class": "measurement",
            "suggested_display_precision": 2,
            "value_template": "{{ value_json.entropy if value else None }}",
            **expires,
        },
        "speech": {
            "platform": "binary_sensor",
            "name": "Speech",
            "device_class": "sound",
            "state_topic": topics.state_of_any_stream,
            "value_template": "{{ 'ON' if value else 'OFF' }}",
            "off_delay": _SPEECH_LASTS_S,
        },
    }
    payload = {
        "device": {"identifiers": [device_id], "name": f"Emotion monitor {node}", "manufacturer": "emotion-monitor"},
        "origin": {"name": "emotion-monitor", "sw_version": version("emotion-monitor")},
        "availability_topic": topics.availability,
        "availability_template": "{{ 'offline' if value == 'offline' else 'online' }}",
        "qos": 1,
        "components": {name: {"unique_id": f"{device_id}_{name}", **rest} for name, rest in components.items()},
    }
    # The node is a level of its own, so that a broker's ACL can allow each its own: config/mosquitto.acl.
    topic = f"{prefix}/device/{node_id}/emotion-monitor/config"
    return Message(topic=topic, payload=json.dumps(payload).encode(), retain=True)


def id_of(node: str) -> str:
    """A name as Home Assistant wants ids: letters and digits of ASCII, `_` and `-`.

    Of a name in ASCII, whatever else it has becomes `_`, as ever: devices that there are keep their ids. Of any other
    name, each such character and `_` becomes its code point, as in `K_fc_che`, so that no two of these are the same.
    """
    if node.isascii():
        return _UNFIT_FOR_AN_ID.sub("_", node)
    return re.sub(r"[^a-zA-Z0-9-]", lambda unfit: f"_{ord(unfit[0]):x}_", node)


def _probability(emotion: str) -> dict[str, Any]:
    return {
        "platform": "sensor",
        "name": emotion.capitalize(),
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "suggested_display_precision": 0,
        "value_template": f"{{{{ (100 * value_json.smoothed.{emotion}) | round(1) if value else None }}}}",
    }
