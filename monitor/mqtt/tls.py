"""How a connection to a broker is encrypted, and who proves what to whom."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import UsageError
from core.user_path import user_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """TLS 1.2 or newer; the broker's certificate and host name are always checked.

    A broker that made its own certificate is trusted by naming that certificate as `ca_file`. Paths are those of the
    settings of the same names; an empty one is none.
    """

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def context(self) -> ssl.SSLContext:
        """Reads the files; made anew for each connection, so that a renewed certificate is taken up.

        Raises:
            UsageError: A file that cannot be used; the message names the setting.
        """
        ca_file = _path("mqtt.ca_file", self.ca_file)
        with _named("mqtt.ca_file", ca_file):
            context = ssl.create_default_context(cafile=ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.key_file and not self.cert_file:
            msg = "mqtt.key_file is set, but mqtt.cert_file is not"
            raise UsageError(msg)
        if self.cert_file:
            cert_file = user_path("mqtt.cert_file", self.cert_file)
            key_file = _path("mqtt.key_file", self.key_file)
            for key, path in (("mqtt.cert_file", cert_file), ("mqtt.key_file", key_file)):
                with _named(key, path):
                    _must_open(path)
            with _named("mqtt.cert_file", cert_file):
                context.load_cert_chain(cert_file, key_file, password=_refuse_passphrase)
        return context


def _path(key: str, file: str) -> Path | None:
    return user_path(key, file) if file else None


def _must_open(path: Path | None) -> None:
    """OpenSSL does not say which of two files is missing."""
    if path is not None:
        path.open("rb").close()


def _refuse_passphrase() -> str:
    # Without this OpenSSL would ask for it on the terminal, and wait.
    msg = "mqtt.key_file: the key has a passphrase"
    raise UsageError(msg, hint="openssl pkey -in KEY -out KEY_WITHOUT_PASSPHRASE, readable by you only")


@contextmanager
def _named(key: str, file: Path | None) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        mismatch = error.reason == "KEY_VALUES_MISMATCH"
        reason = "does not belong to the key" if mismatch else "not PEM that OpenSSL understands"
        msg = f"{key}: cannot use {file}: {reason}"
        raise UsageError(msg) from error
    except OSError as error:
        msg = f"{key}: cannot read {file}: {error.strerror}"
        raise UsageError(msg) from error
