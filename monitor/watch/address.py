"""Which broker is watched: the one that was named, that of the settings, or the one that runs on this machine."""

from dataclasses import replace

from core.errors import UsageError
from core.settings import MqttSettings
from monitor.broker_folder import running_brokers
from monitor.broker_ports import HOST
from monitor.mqtt.address import BrokerAddress, broker_address


def watched_address(url: str | None, settings: MqttSettings) -> BrokerAddress:
    """The broker, and how to log in.

    Args:
        url: mqtt://[user@]HOST[:PORT] or mqtts://...; a monitor's own broker on this machine needs no user, for its
            password is found. None: the broker that the settings name, else the only monitor's own that there is.
        settings: How to log in elsewhere, and what may be insecure.

    Raises:
        UsageError: An address that cannot be used, or there is not one broker on this machine.
    """
    if url is None and settings.url in {"embedded", "off"}:
        return _only_one()
    address = broker_address(replace(settings, url=url or settings.url))
    if address.user is None and address.tls is None and address.host in {HOST, "localhost"}:
        ours = (broker for broker in running_brokers() if address.port in {broker.ports.mqtt311, broker.ports.mqtt5})
        return next((broker.address for broker in ours), address)
    return address


def _only_one() -> BrokerAddress:
    found = running_brokers()
    if not found:
        msg = "no monitor with a broker of its own runs on this machine"
        raise UsageError(msg, hint="start emotion-monitor run, or name a broker: mqtt://HOST or mqtts://USER@HOST")
    if len(found) > 1:
        there = ", ".join(f"{broker.address.url} (process {broker.pid})" for broker in found)
        msg = f"{len(found)} monitors run on this machine: {there}"
        raise UsageError(msg, hint=f"name one: emotion-monitor watch {found[0].address.url}")
    return found[0].address
