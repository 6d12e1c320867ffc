"""Run by a Python that has Home Assistant: a discovery message and a state on standard input, held against its rules.

Prints what every template makes of the state, as JSON. Home Assistant joins what is said of the device with each
component and validates the whole with the component's own schema; so does this.
"""

import json
import sys

import jinja2
from homeassistant.components.mqtt import binary_sensor, sensor
from homeassistant.components.mqtt.discovery import TOPIC_MATCHER

SCHEMAS = {"sensor": sensor.DISCOVERY_SCHEMA, "binary_sensor": binary_sensor.DISCOVERY_SCHEMA}


def main() -> None:
    given = json.load(sys.stdin)
    message, state = given["payload"], given["state"]
    assert TOPIC_MATCHER.fullmatch(given["topic"].removeprefix("homeassistant/")), given["topic"]
    shared = {key: value for key, value in message.items() if key != "components"}
    rendered, cleared = {}, {}
    for name, component in message["components"].items():
        platform = component.pop("platform")
        SCHEMAS[platform]({**shared, **component})
        template = jinja2.Environment(autoescape=False).from_string(component["value_template"])  # noqa: S701
        rendered[name] = template.render(value="{}", value_json=state)
        cleared[name] = template.render(value="")
        if "json_attributes_topic" in component:
            attributes = jinja2.Environment(autoescape=False).from_string(component["json_attributes_template"])  # noqa: S701
            cleared["attributes"] = attributes.render(value="")
    availability = jinja2.Environment(autoescape=False).from_string(message["availability_template"])  # noqa: S701
    rendered["availability"] = [availability.render(value=value) for value in ("online", "degraded", "offline")]
    json.dump({**rendered, "cleared": cleared}, sys.stdout)


if __name__ == "__main__":
    main()
