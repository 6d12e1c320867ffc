"""Certificates of every kind, made by openssl for one test.

Fixture: `authority` signs, and is trusted by nobody until its `certificate` is named.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.installed import need

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both PEM files."""

    certificate: Path
    key: Path


class Authority:
    """One that signs certificates, with a folder of its own."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._folder = folder
        self._folder.mkdir()
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._openssl(
            "req",
            "-x509",
            *_NEW_KEY,
            "-days",
            "2",
            "-subj",
            f"/CN={name}",
            "-keyout",
            self._key,
            "-out",
            self.certificate,
        )

    def sign(self, name: str, *, host: str | None = None, days: int = 2) -> Pair:
        """A certificate for a client called `name`, or for a server at `host`; `days` below 0: it has expired."""
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        kind = "IP" if host and host[0].isdecimal() else "DNS"
        extensions.write_text(f"subjectAltName={kind}:{host}\n" if host else "extendedKeyUsage=clientAuth\n")
        self._openssl("req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", pair.key, "-out", request)
        self._openssl(
            *("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial"),
            *("-extfile", extensions, "-days", str(days), "-out", pair.certificate),
        )
        return pair

    def _openssl(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def self_signed(folder: Path, *, host: str) -> Pair:
    """A server's certificate that nobody else has signed, as our guide makes it."""
    pair = Pair(folder / "own.pem", folder / "own.key")
    names = ("-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
    command = (
        "openssl",
        "req",
        "-x509",
        *_NEW_KEY,
        "-days",
        "2",
        *names,
        "-keyout",
        pair.key,
        "-out",
        pair.certificate,
    )
    subprocess.run(command, check=True, capture_output=True)
    return pair


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signs certificates."""
    need("openssl")
    return Authority(tmp_path / "authority")
