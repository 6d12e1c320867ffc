"""Where the broker is, and how to log in."""

import pytest

from core.errors import UsageError
from core.settings import MqttSettings
from monitor.mqtt.address import BrokerAddress, broker_address

PASSWORD = {"EMOTION_MONITOR_MQTT__PASSWORD": "s3cret"}


def address(url: str, environ: dict[str, str] | None = None, file: str = "") -> BrokerAddress:
    return broker_address(MqttSettings(url=url, password_file=file), environ or {})


@pytest.mark.parametrize(
    ("url", "expected", "shown"),
    [
        ("mqtt://broker", BrokerAddress(host="broker", port=1883), "mqtt://broker:1883"),
        ("mqtt://broker:1999/", BrokerAddress(host="broker", port=1999), "mqtt://broker:1999"),
        ("mqtts://broker", BrokerAddress(host="broker", port=8883, tls=True), "mqtts://broker:8883"),
        ("mqtt://ann@broker", BrokerAddress(host="broker", port=1883, user="ann"), "mqtt://broker:1883"),
        ("mqtt://a%40b@broker", BrokerAddress(host="broker", port=1883, user="a@b"), "mqtt://broker:1883"),
        ("mqtt://[::1]:1884", BrokerAddress(host="::1", port=1884), "mqtt://[::1]:1884"),
    ],
)
def test_a_url_names_host_port_user_and_encryption(url, expected, shown):
    assert address(url) == expected
    assert address(url).url == shown


@pytest.mark.parametrize(
    "url",
    [
        "broker",
        "broker:1883",
        "http://broker",
        "ws://broker",
        "mqtt://",
        "mqtt:broker",
        "mqtt://b:x",
        "mqtt://b:70000",
        "mqtt://b:0",
        "mqtt://b/topic",
        "mqtt://b?x=1",
        "mqtt://[::1",
        "mqtt",
    ],
)
def test_anything_else_is_refused_with_the_forms_that_work(url):
    with pytest.raises(UsageError, match=r"mqtt\.url") as caught:
        address(url)
    assert "mqtts://" in caught.value.one_line()


@pytest.mark.parametrize("url", ["mqtt://ann:s3cret@broker", "mqtt://ann:s3cret@broker:x", "ann:s3cret@broker"])
def test_a_password_in_the_url_is_refused_and_not_repeated(url):
    with pytest.raises(UsageError) as caught:
        address(url)
    assert "s3cret" not in caught.value.one_line()


def test_the_password_comes_from_the_environment():
    found = address("mqtt://ann@broker", PASSWORD)
    assert found == BrokerAddress(host="broker", port=1883, user="ann", password="s3cret")  # noqa: S106


def test_the_password_comes_from_a_file_without_its_last_newline(tmp_path):
    (tmp_path / "password").write_text(" s3cret \n")
    found = address("mqtt://ann@broker", file=str(tmp_path / "password"))
    assert found == BrokerAddress(host="broker", port=1883, user="ann", password=" s3cret ")  # noqa: S106


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b"\n", "is empty"), (b"\xff", "not UTF-8")])
def test_a_password_file_that_is_of_no_use_is_named(tmp_path, content, reason):
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=rf"mqtt\.password_file.*{file}.*{reason}"):
        address("mqtt://ann@broker", file=str(file))


def test_a_password_without_a_user_is_a_mistake():
    with pytest.raises(UsageError, match="no user name"):
        address("mqtt://broker", PASSWORD)


def test_the_password_shows_in_no_repr():
    assert "s3cret" not in repr(address("mqtt://ann@broker", PASSWORD))
