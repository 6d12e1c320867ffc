"""Where to listen, and who may connect."""

import ipaddress
import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from core.errors import UsageError
from core.secret_file import read_secret
from core.settings import WebSocketSettings
from core.settings_file import ENV_PREFIX
from core.user_path import user_path

TOKEN_VARIABLE = f"{ENV_PREFIX}WEBSOCKET__TOKEN"
DEFAULT_PORT = 8765
SHORTEST_TOKEN = 16
LOOPBACK = "loopback"
"""In `websocket.origins`: pages that this machine itself serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """Where the server listens; port 0 is any free one. `tls` is None for a connection that is not encrypted."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    token: str | None = field(default=None, repr=False)

    def url(self, port: int | None = None) -> str:
        """For people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.tls else 'ws'}://{host}:{self.port if port is None else port}"


def listen_address(spec: str, settings: WebSocketSettings, environ: Mapping[str, str] = os.environ) -> ListenAddress:
    """The address in `ws://HOST[:PORT]` or `wss://HOST[:PORT]`.

    Raises:
        UsageError: It is malformed; or other machines could reach it and it is not protected from them.
    """
    hint = "ws://127.0.0.1:8765, for example; ws://127.0.0.1:0 takes any free port"
    try:
        parts = urlsplit(spec)
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError as error:
        msg = f"{spec}: {error}"
        raise UsageError(msg, hint=hint) from None
    extra = parts.path.rstrip("/") or parts.query or parts.fragment or parts.username or parts.password
    if not parts.hostname or extra:
        msg = f"{spec.split('?', maxsplit=1)[0]} is not an address to listen on"
        raise UsageError(msg, hint=hint)
    token = _token(settings, environ)
    if not is_loopback(parts.hostname):
        _check_protected(spec, parts.scheme, settings, token)
    return ListenAddress(host=parts.hostname, port=port, tls=_tls(parts.scheme, settings), token=token)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def allows_origin(origin: str, allowed: Sequence[str]) -> bool:
    """Whether a page of that origin may connect. A client that is no browser has none, and is no page's tool."""
    if origin in allowed:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return LOOPBACK in allowed and parts.scheme in {"http", "https"} and is_loopback(parts.hostname or "")


def _check_protected(spec: str, scheme: str, settings: WebSocketSettings, token: str | None) -> None:
    if token is None:
        msg = f"{spec}: other machines could speak here, and no token is set that they must know"
        raise UsageError(msg, hint=f"set {TOKEN_VARIABLE} or websocket.token_file, or listen on 127.0.0.1")
    if scheme == "ws" and "plaintext" not in settings.insecure:
        msg = f"{spec}: others could listen in on the way, since ws:// is not encrypted"
        raise UsageError(
            msg,
            hint='use wss:// with websocket.cert_file, or set websocket.insecure = ["plaintext"] if that is all right',
        )


def _token(settings: WebSocketSettings, environ: Mapping[str, str]) -> str | None:
    token = environ.get(TOKEN_VARIABLE)
    where = TOKEN_VARIABLE
    if not token and settings.token_file:
        where = f"websocket.token_file: {settings.token_file}"
        token = read_secret("websocket.token_file", settings.token_file).strip()
    elif not token:
        return None
    if len(token or "") < SHORTEST_TOKEN:
        msg = f"{where}: a token has at least {SHORTEST_TOKEN} characters"
        raise UsageError(msg, hint="openssl rand -hex 16 makes one")
    return token


def _tls(scheme: str, settings: WebSocketSettings) -> ssl.SSLContext | None:
    if scheme == "ws":
        return None
    if not settings.cert_file:
        msg = "wss:// needs a certificate"
        raise UsageError(msg, hint="set websocket.cert_file and websocket.key_file, or use ws:// on 127.0.0.1")
    cert_file = user_path("websocket.cert_file", settings.cert_file)
    key_file = user_path("websocket.key_file", settings.key_file) if settings.key_file else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert_file, key_file, password=lambda: "")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        msg = f"websocket.cert_file: {settings.cert_file}: {error}"
        raise UsageError(msg, hint="PEM files, the key without a passphrase") from None
    return context
