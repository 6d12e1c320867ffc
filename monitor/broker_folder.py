"""The folders of embedded brokers, one for each that runs: private to this user, and gone with the program.

By them other programs of this user find the brokers that run on this machine, and know those that do not any more.
"""

import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from monitor.broker_ports import CONFIGURATION_NAME, HOST, USER, Ports, configured
from monitor.mqtt.address import BrokerAddress

CLOCK_SLACK_S = 60.0

_PREFIX = "broker-"  # then the process id of the program that owns the folder


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningBroker:
    """An embedded broker of this user, and the process whose broker it is."""

    pid: int
    ports: Ports
    password: str = field(repr=False)

    @property
    def address(self) -> BrokerAddress:
        """Its MQTT 5 listener, with credentials and without the properties that it would stumble over."""
        return BrokerAddress(host=HOST, port=self.ports.mqtt5, user=USER, password=self.password, properties=False)


def running_brokers(runtime: Path | None = None) -> list[RunningBroker]:
    """Those whose program is alive, by process id."""
    found = []
    for pid, folder in _owned(runtime or _runtime()):
        with suppress(OSError, ValueError, KeyError):  # one that is being made, or has just gone
            ports, password = configured((folder / CONFIGURATION_NAME).read_text(encoding="utf-8"))
            if _is_owner_alive(pid, folder):
                found.append(RunningBroker(pid=pid, ports=ports, password=password))
    return sorted(found, key=lambda broker: broker.pid)


def make_folder(runtime: Path | None) -> Path:
    """A folder for a broker of this process, once what others have left is gone.

    Raises:
        OSError: It cannot be made.
    """
    runtime = runtime or _runtime()
    _sweep(runtime)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=runtime))


def write_private(path: Path, text: str) -> None:
    """Writes a file that only this user may read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _runtime() -> Path:
    from platformdirs import user_runtime_path

    with warnings.catch_warnings(action="ignore"):  # where there is no XDG_RUNTIME_DIR it says so, and finds a way
        return user_runtime_path("emotion-monitor", ensure_exists=True)


def _owned(runtime: Path) -> Iterator[tuple[int, Path]]:
    """Process ids and their folders."""
    for folder in runtime.glob(f"{_PREFIX}*"):
        owner = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdecimal():
            yield int(owner), folder


def _sweep(runtime: Path) -> None:
    """Removes what runs that were killed have left: folders, and a broker that did not notice."""
    for pid, folder in _owned(runtime):
        if _is_owner_alive(pid, folder):
            continue
        for process in psutil.process_iter(["cmdline"]):
            if str(folder / CONFIGURATION_NAME) in (process.info["cmdline"] or ()):
                with suppress(psutil.Error):
                    process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _is_owner_alive(pid: int, folder: Path) -> bool:
    try:
        # A process that is younger than the folder was given the number of one that is gone.
        return psutil.Process(pid).create_time() < folder.stat().st_mtime + CLOCK_SLACK_S
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False
    except psutil.Error:
        return True
