"""Encryption and certificates, with a mosquitto that means it."""

import asyncio
import ssl
import subprocess
import warnings
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from core.errors import BrokerError, UsageError
from core.settings import MqttSettings
from monitor.mqtt import connection
from monitor.mqtt.address import BrokerAddress, broker_address
from monitor.mqtt.connection import Connector
from monitor.mqtt.tls import Tls
from tests.certificates import Authority, Pair, authority, self_signed
from tests.mosquitto import Mosquitto

__all__ = ["authority"]

MakeMosquitto = Callable[..., Mosquitto]


def listener(pair: Pair, *more: str) -> tuple[str, ...]:
    return (f"certfile {pair.certificate}", f"keyfile {pair.key}", *more)


def wants_certificates(authority: Authority) -> tuple[str, ...]:
    return (f"cafile {authority.certificate}", "require_certificate true", "use_identity_as_username true")


def address_of(mosquitto: Mosquitto, *, host: str = "localhost", **settings: Any) -> BrokerAddress:
    values = {name: str(value) for name, value in settings.items()}
    return broker_address(MqttSettings(url=f"mqtts://{host}:{mosquitto.port}", **values), {})


async def connects(address: BrokerAddress) -> str:
    async with AsyncExitStack() as stack:
        connected = await stack.enter_async_context(Connector(address, client_id="test", keepalive_s=15).connect())
        return connected.protocol


async def refusal(address: BrokerAddress) -> str:
    with pytest.raises(BrokerError) as caught:
        await connects(address)
    return caught.value.one_line()


@pytest.mark.system
class TestTheBrokersCertificate:
    """What is checked of it unless nothing is said."""

    async def test_one_of_an_authority_that_is_named_is_accepted(self, authority, make_mosquitto):
        mosquitto = make_mosquitto(*listener(authority.sign("broker", host="localhost")))
        assert await connects(address_of(mosquitto, ca_file=authority.certificate)) == "MQTT 5"

    async def test_one_of_an_unknown_authority_is_refused_with_what_to_do(self, authority, make_mosquitto):
        mosquitto = make_mosquitto(*listener(authority.sign("broker", host="localhost")))
        told = await refusal(address_of(mosquitto))
        assert "the broker's certificate is refused: unable to get local issuer certificate" in told
        assert "mqtt.ca_file" in told

    async def test_one_of_another_authority_of_the_same_name_is_refused(self, authority, make_mosquitto, tmp_path):
        other = Authority(tmp_path / "other")
        mosquitto = make_mosquitto(*listener(authority.sign("broker", host="localhost")))
        assert "certificate is refused" in await refusal(address_of(mosquitto, ca_file=other.certificate))

    async def test_one_that_signs_itself_is_accepted_where_it_is_named(self, make_mosquitto, tmp_path):
        own = self_signed(tmp_path, host="localhost")
        mosquitto = make_mosquitto(*listener(own))
        told = await refusal(address_of(mosquitto))
        assert "refused: self-signed certificate; if it is the right one" in told
        assert await connects(address_of(mosquitto, ca_file=own.certificate)) == "MQTT 5"

    async def test_an_expired_one_is_refused(self, authority, make_mosquitto):
        mosquitto = make_mosquitto(*listener(authority.sign("broker", host="localhost", days=-1)))
        told = await refusal(address_of(mosquitto, ca_file=authority.certificate))
        assert told == "the broker's certificate is refused: certificate has expired"

    async def test_one_for_another_host_is_refused(self, authority, make_mosquitto):
        mosquitto = make_mosquitto(*listener(authority.sign("broker", host="elsewhere.example")))
        told = await refusal(address_of(mosquitto, ca_file=authority.certificate))
        assert "certificate is not valid for 'localhost'" in told
        told = await refusal(address_of(mosquitto, host="127.0.0.1", ca_file=authority.certificate))
        assert "certificate is not valid for '127.0.0.1'" in told

    async def test_an_address_may_stand_in_it_too(self, authority, make_mosquitto):
        mosquitto = make_mosquitto(*listener(authority.sign("broker", host="127.0.0.1")))
        assert await connects(address_of(mosquitto, host="127.0.0.1", ca_file=authority.certificate)) == "MQTT 5"

    async def test_a_broker_without_tls_is_told_apart(self, mosquitto):
        assert "broker unreachable" in await refusal(address_of(mosquitto))

    async def test_a_broker_that_knows_only_old_tls_is_refused(self, authority):
        pair = authority.sign("broker", host="localhost")
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.load_cert_chain(pair.certificate, pair.key)
        with warnings.catch_warnings(action="ignore"):
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        async with await asyncio.start_server(lambda *_: None, "localhost", 0, ssl=old) as server:
            url = f"mqtts://localhost:{server.sockets[0].getsockname()[1]}"
            settings = MqttSettings(url=url, ca_file=str(authority.certificate))
            told = await refusal(broker_address(settings, {}))
        assert told.startswith("broker unreachable: ")
        assert "protocol" in told

    async def test_a_renewed_authority_is_taken_up_at_the_next_connection(self, authority, make_mosquitto, tmp_path):
        named = tmp_path / "named.pem"
        named.write_bytes(Authority(tmp_path / "former").certificate.read_bytes())
        mosquitto = make_mosquitto(*listener(authority.sign("broker", host="localhost")))
        connector = Connector(address_of(mosquitto, ca_file=named), client_id="test", keepalive_s=15)
        with pytest.raises(BrokerError, match="certificate is refused"):
            async with connector.connect():
                pass
        named.write_bytes(authority.certificate.read_bytes())
        async with connector.connect() as connected:
            assert connected.protocol == "MQTT 5"
        named.unlink()
        with pytest.raises(BrokerError, match=r"mqtt\.ca_file: cannot read"):
            async with connector.connect():
                pass


@pytest.mark.system
class TestOurCertificate:
    """A client certificate in place of a password."""

    async def test_it_lets_us_in_as_the_one_it_names(self, authority, make_mosquitto):
        broker, us = authority.sign("broker", host="localhost"), authority.sign("kitchen")
        mosquitto = make_mosquitto(*listener(broker, *wants_certificates(authority)), anonymous=False)
        files = {"ca_file": authority.certificate, "cert_file": us.certificate, "key_file": us.key}
        assert await connects(address_of(mosquitto, **files)) == "MQTT 5"
        assert "kitchen" in mosquitto.log.read_text()

    async def test_the_key_may_stand_in_the_same_file(self, authority, make_mosquitto, tmp_path):
        broker, us = authority.sign("broker", host="localhost"), authority.sign("kitchen")
        both = tmp_path / "both.pem"
        both.write_bytes(us.key.read_bytes() + us.certificate.read_bytes())
        mosquitto = make_mosquitto(*listener(broker, *wants_certificates(authority)), anonymous=False)
        assert await connects(address_of(mosquitto, ca_file=authority.certificate, cert_file=both)) == "MQTT 5"

    async def test_without_one_a_broker_that_wants_it_lets_nobody_in(self, authority, make_mosquitto, monkeypatch):
        monkeypatch.setattr(connection, "ANSWER_S", 2.0)
        broker = authority.sign("broker", host="localhost")
        mosquitto = make_mosquitto(*listener(broker, *wants_certificates(authority)), anonymous=False)
        told = await refusal(address_of(mosquitto, ca_file=authority.certificate))
        assert "no client certificate" in told or "certificate required" in told

    async def test_one_that_the_broker_does_not_know_is_of_no_use(
        self, authority, make_mosquitto, tmp_path, monkeypatch
    ):
        monkeypatch.setattr(connection, "ANSWER_S", 2.0)
        broker, stranger = authority.sign("broker", host="localhost"), Authority(tmp_path / "other").sign("kitchen")
        mosquitto = make_mosquitto(*listener(broker, *wants_certificates(authority)), anonymous=False)
        files = {"ca_file": authority.certificate, "cert_file": stranger.certificate, "key_file": stranger.key}
        assert "broker" in await refusal(address_of(mosquitto, **files))


class TestFilesOfNoUse:
    """They are named when the program starts, not when the broker is away."""

    @pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
    def test_a_missing_one_is_named(self, authority, tmp_path, key):
        us = authority.sign("kitchen")
        files = {"ca_file": authority.certificate, "cert_file": us.certificate, "key_file": us.key}
        settings = {name: str(path) for name, path in {**files, key: tmp_path / "nowhere.pem"}.items()}
        with pytest.raises(UsageError, match=rf"mqtt\.{key}: cannot read .*nowhere\.pem: No such file"):
            broker_address(MqttSettings(url="mqtts://broker", **settings), {})

    @pytest.mark.parametrize("key", ["ca_file", "cert_file"])
    def test_one_that_is_no_certificate_is_named(self, tmp_path, key):
        file = tmp_path / "certificate.pem"
        file.write_text("hello")
        with pytest.raises(UsageError, match=rf"mqtt\.{key}: cannot use {file}"):
            broker_address(MqttSettings(url="mqtts://broker", **{key: str(file)}), {})

    def test_a_key_of_another_certificate_is_told(self, authority):
        us, other = authority.sign("kitchen"), authority.sign("cellar")
        with pytest.raises(UsageError, match="does not belong to the key"):
            Tls(cert_file=str(us.certificate), key_file=str(other.key)).context()

    def test_a_key_without_certificate_is_a_mistake(self, authority):
        with pytest.raises(UsageError, match=r"mqtt\.key_file is set, but mqtt\.cert_file is not"):
            Tls(key_file=str(authority.sign("kitchen").key)).context()

    def test_a_key_with_a_passphrase_is_refused_and_not_asked_for(self, authority, tmp_path):
        us, locked = authority.sign("kitchen"), tmp_path / "locked.key"
        lock = ("openssl", "pkey", "-in", us.key, "-aes256", "-passout", "pass:secret", "-out", locked)
        subprocess.run(lock, check=True, capture_output=True)
        with pytest.raises(UsageError, match=r"mqtt\.key_file: the key has a passphrase"):
            Tls(cert_file=str(us.certificate), key_file=str(locked)).context()

    @pytest.mark.parametrize("key", ["ca_file", "cert_file", "key_file"])
    def test_files_for_a_connection_without_tls_are_a_mistake(self, authority, key):
        settings = MqttSettings(url="mqtt://localhost", **{key: str(authority.certificate)})
        with pytest.raises(UsageError, match=rf"mqtt\.{key} is set, but mqtt\.url is not encrypted"):
            broker_address(settings, {})
