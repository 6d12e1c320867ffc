"""What Home Assistant is told of a node."""

import json
import os
import re
import subprocess
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS
from monitor.mqtt.home_assistant import discovery_message, id_of
from monitor.mqtt.messages import Topics
from tests import sample_events

RULES = Path(__file__).with_name("home_assistant_rules.py")
NODE = "the kitchen/2"


@pytest.fixture
def message():
    return discovery_message(Topics("emotion", NODE), NODE, prefix="homeassistant", state_valid_s=120)


def test_one_retained_message_describes_the_device_with_all_its_sensors(message):
    payload = json.loads(message.payload)
    assert message.retain
    assert message.topic == "homeassistant/device/the_kitchen_2/emotion-monitor/config"
    assert set(payload["components"]) == {"dominant", *EMOTIONS, "entropy", "speech"}
    assert payload["availability_topic"] == "emotion/the kitchen_2/availability"
    assert {c["state_topic"] for c in payload["components"].values()} == {"emotion/the kitchen_2/+/state"}


def test_sensors_become_unknown_when_a_state_is_worth_nothing_any_more(message):
    sensors = [c for c in json.loads(message.payload)["components"].values() if c["platform"] == "sensor"]
    assert {sensor["expire_after"] for sensor in sensors} == {120}


def test_ids_are_unique_and_differ_between_nodes(message):
    other = discovery_message(Topics("emotion", "hall"), "hall", prefix="homeassistant", state_valid_s=120)
    ids = [c["unique_id"] for m in (message, other) for c in json.loads(m.payload)["components"].values()]
    assert len(ids) == len(set(ids)) == 14
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", one) for one in ids)


@pytest.mark.parametrize("name", ["kitchen", "Living-Room_2", "living room", "the kitchen/2", "annas-mac.local", ""])
def test_a_name_in_ascii_keeps_the_id_that_it_always_had(name):
    assert id_of(name) == re.sub(r"[^a-zA-Z0-9_-]", "_", name)


def test_rooms_named_in_other_scripts_are_devices_of_their_own():
    assert id_of("居間") == "_5c45__9593_"
    assert id_of("台所") == "_53f0__6240_"
    assert id_of("Küche") == "K_fc_che"


def decoded(node_id: str) -> str:
    return re.sub("_([0-9a-f]+)_", lambda code: chr(int(code[1], 16)), node_id)


@given(st.text(min_size=1).filter(lambda name: not name.isascii()))
def test_nothing_of_a_name_in_any_other_script_is_lost(name):
    assert re.fullmatch(r"[a-zA-Z0-9_-]+", id_of(name))
    assert decoded(id_of(name)) == name


def test_the_attributes_of_a_cleared_state_are_none_and_those_of_a_state_are_all_it_says(message):
    jinja2 = pytest.importorskip("jinja2")
    for component in json.loads(message.payload)["components"].values():
        if "json_attributes_topic" in component:
            template = jinja2.Template(component["json_attributes_template"])
            said = json.dumps(asdict(sample_events.state()))
            assert [json.loads(template.render(value=value)) for value in ("", said)] == [{}, json.loads(said)]
            break
    else:
        pytest.fail("no component has attributes")


def test_home_assistants_own_rules_and_templates_take_it(message):
    python = os.environ.get("HOME_ASSISTANT_PYTHON")
    if not python:
        pytest.skip("no Home Assistant: HOME_ASSISTANT_PYTHON names no Python that has it (make test-home-assistant)")
    state = sample_events.state()
    given = {"topic": message.topic, "payload": json.loads(message.payload), "state": asdict(state)}
    done = subprocess.run(
        [python, RULES], check=False, input=json.dumps(given), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rendered = json.loads(done.stdout)
    assert rendered["dominant"] == state.dominant
    assert rendered["speech"] == "ON"
    assert rendered["availability"] == ["online", "online", "offline"]
    assert json.loads(rendered["cleared"].pop("attributes")) == {}
    sensors = {name: value for name, value in rendered["cleared"].items() if name != "speech"}
    assert set(sensors.values()) == {"None"}, "which Home Assistant takes for unknown"
    assert rendered["cleared"]["speech"] == "OFF"
    for emotion, probability in state.smoothed.as_dict().items():
        assert float(rendered[emotion]) == pytest.approx(100 * probability, abs=0.051)
    assert float(rendered["entropy"]) == pytest.approx(state.entropy)
