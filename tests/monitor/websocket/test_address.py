"""Where sound may come from: this machine, unless the user took care."""

import subprocess

import pytest

from core.errors import UsageError
from core.settings import WebSocketSettings
from monitor.websocket.address import TOKEN_VARIABLE, allows_origin, listen_address
from tests.installed import need

TOKEN = "0123456789abcdef"  # noqa: S105 - of a test
WITH_TOKEN = {TOKEN_VARIABLE: TOKEN}


@pytest.mark.parametrize(
    ("spec", "host", "port"),
    [
        ("ws://127.0.0.1:9000", "127.0.0.1", 9000),
        ("ws://127.0.0.1:0", "127.0.0.1", 0),
        ("ws://localhost", "localhost", 8765),
        ("ws://[::1]:9000/", "::1", 9000),
        ("ws://127.9.9.9:1", "127.9.9.9", 1),
    ],
)
def test_this_machine_needs_no_precautions(spec, host, port):
    address = listen_address(spec, WebSocketSettings(), environ={})
    assert (address.host, address.port, address.tls, address.token) == (host, port, None, None)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "[::]", "desk.example", "127.0.0.1.example.org"])  # noqa: S104
def test_what_other_machines_can_reach_needs_a_token_and_encryption_or_the_user_s_word(host):
    spec = f"ws://{host}:9000"
    with pytest.raises(UsageError, match="no token is set"):
        listen_address(spec, WebSocketSettings(), environ={})
    with pytest.raises(UsageError, match="not encrypted") as raised:
        listen_address(spec, WebSocketSettings(), environ=WITH_TOKEN)
    assert 'websocket.insecure = ["plaintext"]' in raised.value.one_line()
    assert listen_address(spec, WebSocketSettings(insecure=("plaintext",)), environ=WITH_TOKEN).token == TOKEN


def test_encryption_needs_a_certificate_that_can_be_read(tmp_path):
    with pytest.raises(UsageError, match="needs a certificate"):
        listen_address("wss://127.0.0.1", WebSocketSettings(), environ={})
    (tmp_path / "cert.pem").write_text("nothing")
    with pytest.raises(UsageError, match=r"cert\.pem"):
        listen_address("wss://127.0.0.1", WebSocketSettings(cert_file=str(tmp_path / "cert.pem")), environ={})


def test_a_certificate_makes_a_secure_address(tmp_path):
    make_certificate(tmp_path)
    settings = WebSocketSettings(cert_file=str(tmp_path / "cert.pem"), key_file=str(tmp_path / "key.pem"))
    address = listen_address("wss://0.0.0.0:1", settings, environ=WITH_TOKEN)
    assert address.tls is not None
    assert address.url() == "wss://0.0.0.0:1"


def make_certificate(folder):
    need("openssl")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(command, check=True, capture_output=True)


def test_a_token_comes_from_a_file_too_is_long_and_shows_nowhere(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    address = listen_address("ws://127.0.0.1", WebSocketSettings(token_file=str(file)), environ={})
    assert address.token == TOKEN
    assert TOKEN not in repr(address)
    file.write_text("short")
    with pytest.raises(UsageError, match="at least 16") as raised:
        listen_address("ws://127.0.0.1", WebSocketSettings(token_file=str(file)), environ={})
    assert "short" not in raised.value.one_line()
    with pytest.raises(UsageError, match="cannot be read"):
        listen_address("ws://127.0.0.1", WebSocketSettings(token_file=str(tmp_path / "none")), environ={})


@pytest.mark.parametrize(
    "spec", ["ws:", "ws://", "ws://127.0.0.1:x", "ws://127.0.0.1:99999", "ws://me:secret@127.0.0.1", "ws://127.0.0.1/a"]
)
def test_what_is_no_address_is_said_in_one_line(spec):
    with pytest.raises(UsageError) as raised:
        listen_address(spec, WebSocketSettings(), environ={})
    assert "\n" not in raised.value.one_line()


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:8000", True),
        ("https://127.0.0.1", True),
        ("http://[::1]:8000", True),
        ("http://app.localhost", True),
        ("https://example.org", False),
        ("http://localhost.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://127.0.0.1@example.org", False),
        ("null", False),
        ("file://", False),
        ("", False),
        ("http://", False),
        ("chrome-extension://abc", False),
        ("http://[::1", False),
    ],
)
def test_by_default_only_pages_of_this_machine_may_connect(origin, allowed):
    assert allows_origin(origin, WebSocketSettings().origins) == allowed


def test_other_pages_may_connect_when_they_are_named():
    assert allows_origin("https://example.org", ("https://example.org",))
    assert allows_origin("null", ("loopback", "null"))
    assert not allows_origin("http://localhost", ("https://example.org",))
