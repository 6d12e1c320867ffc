"""Where the broker is, how to log in, and what is too insecure to do unasked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.settings import MqttSettings
from core.settings_file import load_settings
from monitor import cli
from monitor.mqtt.address import BrokerAddress, broker_address
from monitor.mqtt.tls import Tls
from tests.program import SAMPLE, run

PASSWORD = {"EMOTION_MONITOR_MQTT__PASSWORD": "s3cret"}


ALL = ("plaintext", "anonymous")
REFUSAL = (
    "mqtt.url: a password in the URL is refused, since others can read it in process lists and logs "
    "(set EMOTION_MONITOR_MQTT__PASSWORD or mqtt.password_file)"
)


def address(
    url: str, environ: dict[str, str] | None = None, file: str = "", insecure: tuple[str, ...] = ALL
) -> BrokerAddress:
    settings = MqttSettings(url=url, password_file=file, insecure=insecure)  # type: ignore[arg-type]
    return broker_address(settings, environ or {})


@pytest.mark.parametrize(
    ("url", "expected", "shown"),
    [
        ("mqtt://broker", BrokerAddress(host="broker", port=1883), "mqtt://broker:1883"),
        ("mqtt://broker:1999/", BrokerAddress(host="broker", port=1999), "mqtt://broker:1999"),
        ("mqtts://broker", BrokerAddress(host="broker", port=8883, tls=Tls()), "mqtts://broker:8883"),
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


@pytest.mark.parametrize("url", ["mqtt://ann:{}@broker", "mqtt://ann:/{}@broker:x", "ann:{}@broker", "mqtt:/ann:{}@b"])
@pytest.mark.parametrize("password", ["s3cret", "s3/cret", "/s3cret", "s3@cret", "s3#c?r:e@/t", "12/s3", "[s3"])
def test_a_password_in_the_url_is_refused_and_nothing_of_it_is_repeated(url, password):
    with pytest.raises(UsageError) as caught:
        address(url.format(password))
    assert caught.value.one_line() == REFUSAL


def test_nor_is_what_may_be_one():
    with pytest.raises(UsageError, match="is not the address of a broker") as caught:
        address("ann://s3cret@broker")
    assert "s3cret" not in caught.value.one_line()


@given(user=st.text("abc@%."), password=st.text(), host=st.sampled_from(["broker", "[::1]", "broker:1883"]))
def test_whatever_a_password_looks_like_it_is_known_for_one(user, password, host):
    with pytest.raises(UsageError) as caught:
        address(f"mqtt://{user}:{password}@{host}")
    assert caught.value.one_line() == REFUSAL


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


@pytest.mark.parametrize(
    ("url", "insecure", "told"),
    [
        ("mqtt://ann@broker", (), "is plaintext to another machine"),
        ("mqtt://ann@broker", ("anonymous",), "is plaintext to another machine"),
        ("mqtt://ann@192.168.1.7", (), "is plaintext to another machine"),
        ("mqtt://ann@[fe80::1]", (), "is plaintext to another machine"),
        ("mqtt://ann@0.0.0.0", (), "is plaintext to another machine"),
        ("mqtt://ann@localhost.example", (), "is plaintext to another machine"),
        ("mqtt://ann@127.0.0.1.example", (), "is plaintext to another machine"),
    ],
)
def test_plaintext_to_another_machine_is_refused_even_with_a_password(url, insecure, told):
    with pytest.raises(UsageError, match=told) as caught:
        address(url, PASSWORD, insecure=insecure)
    assert "--mqtt-insecure plaintext" in caught.value.one_line()
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("url", ["mqtts://broker", "mqtts://ann@broker"])
def test_another_machine_is_not_reached_without_proof_of_who_we_are(url):
    with pytest.raises(UsageError, match="neither a password nor a client certificate") as caught:
        address(url, insecure=("plaintext",))
    assert "--mqtt-insecure anonymous" in caught.value.one_line()
    assert address(url, insecure=("anonymous",)).tls


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.3.2.1", "[::1]"])
def test_this_machine_may_be_reached_in_plaintext_and_anonymously(host):
    assert address(f"mqtt://{host}", insecure=()).tls is None


def test_with_encryption_and_a_password_nothing_needs_to_be_allowed():
    assert address("mqtts://ann@broker", PASSWORD, insecure=()).tls == Tls()


def test_what_is_allowed_by_name_goes():
    assert address("mqtt://broker", insecure=ALL).tls is None
    assert address("mqtt://ann@broker", PASSWORD, insecure=("plaintext",)).password


def test_the_command_line_and_the_environment_can_allow_it():
    flags = ("run", "--mqtt-insecure", "plaintext", "--mqtt-insecure", "anonymous")
    assert cli._settings(cli._parser().parse_args(flags)).mqtt.insecure == ALL
    environ = {"EMOTION_MONITOR_MQTT__INSECURE": "plaintext,anonymous"}
    assert load_settings(environ=environ).mqtt.insecure == ALL
    with pytest.raises(UsageError, match=r"mqtt\.insecure"):
        load_settings(environ={"EMOTION_MONITOR_MQTT__INSECURE": "all"})


def test_the_program_refuses_in_one_line():
    done = run("run", "--source", f"file:{SAMPLE}", "--model", "fake", "--headless", "--mqtt", "mqtt://broker.invalid")
    assert done.code == 2
    assert done.err.splitlines()[-1].startswith("emotion-monitor: mqtt.url: mqtt://broker.invalid:1883 is plaintext")
    assert "Traceback" not in done.err
