"""Where a model server is, how it knows us, and what is too insecure to do unasked."""

import os
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

from core.errors import UsageError
from core.secret_file import read_secret
from core.settings import ModelSettings
from core.settings_file import ENV_PREFIX
from core.this_machine import is_this_machine
from core.user_path import user_path

PREFIX = "openai:"
TOKEN_VARIABLE = f"{ENV_PREFIX}MODEL__SERVER_TOKEN"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAddress:
    """A server of models and the credentials for it; `tls` is None for plaintext, `model` empty for its only one."""

    host: str
    port: int
    model: str
    tls: ssl.SSLContext | None = None
    token: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """For people: without model and token."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    @property
    def is_this_machine(self) -> bool:
        """Whether what it is sent stays here."""
        return is_this_machine(self.host)


def is_server_name(text: str) -> bool:
    """Whether a model's name is meant as one on a server."""
    return text.startswith(PREFIX)


def server_address(settings: ModelSettings, environ: Mapping[str, str] = os.environ) -> ServerAddress:
    """The server that `model.name` names: `openai:http://HOST[:PORT]/MODEL`, or https.

    Raises:
        UsageError: It is malformed, holds a secret, names a file that cannot be used, or is plaintext to another
            machine though `model.server_insecure` does not name that.
    """
    parts = _split(settings.name)
    token = _token(settings, environ)
    tls = _tls(settings.server_ca_file) if parts.scheme == "https" else None
    if tls is None and settings.server_ca_file:
        msg = "model.server_ca_file is set, but the server's address is not encrypted"
        raise UsageError(msg, hint="write openai:https://HOST/MODEL")
    address = ServerAddress(
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        model=unquote(parts.path.strip("/")),
        tls=tls,
        token=token,
    )
    if tls is None and not address.is_this_machine and "plaintext" not in settings.server_insecure:
        msg = f"model.name: {address.url} is plaintext to another machine: others can hear what is said"
        raise UsageError(msg, hint='write https://, or allow it with model.server_insecure = ["plaintext"]')
    return address


def _split(name: str) -> SplitResult:
    hint = "openai:http://127.0.0.1:8000/MODEL, or https://"
    url = name.removeprefix(PREFIX)
    if "@" in url.partition("://")[2].partition("/")[0]:  # before it is taken apart: a secret is never shown
        msg = "model.name: user names and passwords in a URL are refused, since others can read them"
        raise UsageError(msg, hint=f"set {TOKEN_VARIABLE} or model.server_token_file")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, 0
    if parts is None or parts.scheme not in _PORTS or not parts.hostname or port == 0 or parts.query or parts.fragment:
        shown = url.partition("?")[0]
        msg = f"model.name: {shown!r} is not the address of a model server"
        raise UsageError(msg, hint=hint)
    return parts


def _token(settings: ModelSettings, environ: Mapping[str, str]) -> str | None:
    """From the environment, else from the file, which others must not be able to read."""
    file, where = settings.server_token_file, TOKEN_VARIABLE
    token = environ.get(TOKEN_VARIABLE)
    if not token and file:
        where = f"model.server_token_file: {file}"
        token = read_secret("model.server_token_file", file).strip()
        if user_path("model.server_token_file", file).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            msg = f"model.server_token_file: others on this machine can read {file}"
            raise UsageError(msg, hint=f"chmod 600 {file}")
    elif not token:
        return None
    if not token or not token.isascii() or not token.isprintable():  # what no header takes must not be told by it
        msg = f"{where} holds no token"
        raise UsageError(msg, hint="one line of letters, digits and signs")
    return token


def _tls(ca_file: str) -> ssl.SSLContext:
    """TLS 1.2 or newer; the server's certificate and host name are always checked."""
    try:
        context = ssl.create_default_context(cafile=user_path("model.server_ca_file", ca_file) if ca_file else None)
    except ssl.SSLError as error:
        msg = f"model.server_ca_file: cannot use {ca_file}: not PEM that OpenSSL understands"
        raise UsageError(msg) from error
    except OSError as error:
        msg = f"model.server_ca_file: cannot read {ca_file}: {error.strerror}"
        raise UsageError(msg) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
