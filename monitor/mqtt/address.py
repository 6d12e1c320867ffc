"""Where the broker is, how to log in, and what is too insecure to do unasked."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from core.errors import UsageError
from core.secret_file import read_secret
from core.settings import MqttSettings
from core.settings_file import ENV_PREFIX
from core.this_machine import is_this_machine
from monitor.mqtt.tls import Tls

PASSWORD_VARIABLE = f"{ENV_PREFIX}MQTT__PASSWORD"
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_WITH_PASSWORD = re.compile(r"([a-z]+://)?+[^:]*:.*@", re.IGNORECASE | re.DOTALL)
"""USER:PASSWORD@, whatever characters the password has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """A broker and the credentials for it.

    `tls` is None for plaintext. `properties` is False for a broker that must not be given MQTT 5 properties, see
    monitor.broker.
    """

    host: str
    port: int
    tls: Tls | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    properties: bool = True

    @property
    def url(self) -> str:
        """For people: without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def broker_address(
    settings: MqttSettings, environ: Mapping[str, str] = os.environ, *, key: str = "mqtt.url"
) -> BrokerAddress:
    """The broker that `mqtt.url` names, when it is neither `embedded` nor `off`; `key` is what names it to the user.

    Raises:
        UsageError: A malformed URL, a password inside it, an unusable file, or a connection to another machine that is
            in plaintext or anonymous though `mqtt.insecure` does not name that.
    """
    parts = _split(settings.url, key)
    password = environ.get(PASSWORD_VARIABLE) or _read_password(settings.password_file)
    user = unquote(parts.username) if parts.username else None
    if password and not user:
        msg = f"{key}: there is a password but no user name"
        raise UsageError(msg, hint=f"write {parts.scheme}://USER@{parts.hostname}")
    address = BrokerAddress(
        host=parts.hostname or "",
        port=parts.port or DEFAULT_PORTS[parts.scheme],
        tls=_tls(settings) if parts.scheme == "mqtts" else None,
        user=user,
        password=password,
    )
    if address.tls is None:
        _refuse_files_without_tls(settings, key)
    if not is_this_machine(address.host):
        _refuse_unless_named(address, settings, key)
    return address


def _tls(settings: MqttSettings) -> Tls:
    tls = Tls(ca_file=settings.ca_file, cert_file=settings.cert_file, key_file=settings.key_file)
    tls.context()  # what is wrong with the files is said now
    return tls


def _refuse_files_without_tls(settings: MqttSettings, url_key: str) -> None:
    for key in ("ca_file", "cert_file", "key_file"):
        if getattr(settings, key):
            msg = f"mqtt.{key} is set, but {url_key} is not encrypted"
            raise UsageError(msg, hint="write mqtts://HOST")


def _refuse_unless_named(address: BrokerAddress, settings: MqttSettings, key: str) -> None:
    if address.tls is None and "plaintext" not in settings.insecure:
        msg = f"{key}: {address.url} is plaintext to another machine: others can read, change and forge what is said"
        raise UsageError(msg, hint="write mqtts://, or allow it with --mqtt-insecure plaintext or mqtt.insecure")
    has_proof = address.password or (address.tls and address.tls.cert_file)
    if not has_proof and "anonymous" not in settings.insecure:
        msg = f"{key}: neither a password nor a client certificate for {address.url}"
        hint = (
            f"write mqtts://USER@{address.host} and set mqtt.password_file; or set mqtt.cert_file; "
            "or allow it with --mqtt-insecure anonymous or mqtt.insecure"
        )
        raise UsageError(msg, hint=hint)


def _split(url: str, key: str) -> SplitResult:
    hint = "mqtt://[USER@]HOST[:PORT] or mqtts://[USER@]HOST[:PORT]"
    hint = f"embedded, off, {hint}" if key == "mqtt.url" else hint
    if _WITH_PASSWORD.match(url):  # before it is taken apart: a password may look like anything, and is never shown
        msg = f"{key}: a password in the URL is refused, since others can read it in process lists and logs"
        raise UsageError(msg, hint=f"set {PASSWORD_VARIABLE} or mqtt.password_file")
    shown = re.sub(r":.*@", ":***@", url, flags=re.DOTALL)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        msg = f"{key} = {shown!r} is not the address of a broker"
        raise UsageError(msg, hint=hint) from None
    extra = parts.path.rstrip("/") or parts.query or parts.fragment
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or port == 0 or extra:
        msg = f"{key} = {shown!r} is not the address of a broker"
        raise UsageError(msg, hint=hint)
    return parts


def _read_password(file: str) -> str | None:
    if not file:
        return None
    password = read_secret("mqtt.password_file", file).rstrip("\r\n")
    if not password:
        msg = f"mqtt.password_file: {file} is empty"
        raise UsageError(msg)
    return password
