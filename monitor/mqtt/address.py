"""Where the broker is, and how to log in."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from core.errors import UsageError
from core.settings import ENV_PREFIX, MqttSettings

PASSWORD_VARIABLE = f"{ENV_PREFIX}MQTT__PASSWORD"
DEFAULT_PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """A broker and the credentials for it.

    `properties` is False for a broker that must not be given MQTT 5 properties, see monitor.broker.
    """

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    properties: bool = True

    @property
    def url(self) -> str:
        """For people: without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def broker_address(settings: MqttSettings, environ: Mapping[str, str] = os.environ) -> BrokerAddress:
    """The broker that `mqtt.url` names, when it is neither `embedded` nor `off`.

    Raises:
        UsageError: A malformed URL, a password inside it, or an unusable password file.
    """
    parts = _split(settings.url)
    password = environ.get(PASSWORD_VARIABLE) or _read_password(settings.password_file)
    user = unquote(parts.username) if parts.username else None
    if password and not user:
        msg = "mqtt.url: there is a password but no user name"
        raise UsageError(msg, hint=f"write {parts.scheme}://USER@{parts.hostname}")
    return BrokerAddress(
        host=parts.hostname or "",
        port=parts.port or DEFAULT_PORTS[parts.scheme],
        tls=parts.scheme == "mqtts",
        user=user,
        password=password,
    )


def _split(url: str) -> SplitResult:
    hint = "embedded, off, mqtt://[USER@]HOST[:PORT] or mqtts://[USER@]HOST[:PORT]"
    shown = re.sub(r":[^:@/]*@", ":***@", url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        msg = f"mqtt.url = {shown!r}: {error}"
        raise UsageError(msg, hint=hint) from None
    if parts.password is not None:
        msg = "mqtt.url: a password in the URL is refused, since others can read it in process lists and logs"
        raise UsageError(msg, hint=f"set {PASSWORD_VARIABLE} or mqtt.password_file")
    extra = parts.path.rstrip("/") or parts.query or parts.fragment
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname or port == 0 or extra:
        msg = f"mqtt.url = {shown!r} is not the address of a broker"
        raise UsageError(msg, hint=hint)
    return parts


def _read_password(file: str) -> str | None:
    if not file:
        return None
    try:
        password = Path(file).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        msg = f"mqtt.password_file: cannot read {file}: {reason}"
        raise UsageError(msg) from None
    if not password:
        msg = f"mqtt.password_file: {file} is empty"
        raise UsageError(msg)
    return password
