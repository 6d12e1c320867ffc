"""Which broker is watched where nobody says it, or not everything."""

import pytest

from core.errors import UsageError
from core.settings import MqttSettings
from monitor.broker import EmbeddedBroker
from monitor.mqtt.connection import Connector
from monitor.watch.address import watched_address

OURS = MqttSettings()


@pytest.fixture(autouse=True)
def runtime(tmp_path, monkeypatch):
    """No other monitor is on this machine."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


async def test_without_an_address_the_monitor_on_this_machine_is_found_and_lets_us_in():
    async with EmbeddedBroker() as broker:
        found = watched_address(None, OURS)
        assert found == broker.address
        async with Connector(found, client_id="emotion-test", keepalive_s=5).connect():
            pass


@pytest.mark.parametrize("listener", ["MQTT 3.1.1", "MQTT 5"])
async def test_its_address_alone_will_do(listener):
    async with EmbeddedBroker() as broker:
        assert watched_address(broker.urls[listener], OURS) == broker.address
        assert watched_address("mqtt://me@127.0.0.1:1", OURS).user == "me"
        assert watched_address("mqtt://localhost:1", OURS).user is None


def test_where_none_runs_it_is_said():
    with pytest.raises(UsageError, match="no monitor with a broker of its own runs on this machine"):
        watched_address(None, OURS)


async def test_several_are_listed():
    async with EmbeddedBroker() as first, EmbeddedBroker() as second:
        with pytest.raises(UsageError, match="2 monitors run on this machine: ") as caught:
            watched_address(None, OURS)
        for broker in (first, second):
            assert broker.urls["MQTT 5"] in str(caught.value)
            assert watched_address(broker.urls["MQTT 5"], OURS) == broker.address


def test_the_broker_of_the_settings_comes_first():
    settings = MqttSettings(url="mqtt://127.0.0.1:4711")
    assert watched_address(None, settings).port == 4711
