"""A home of the tests' own: no file, setting, language or clock of whoever runs them reaches a test.

`tests/conftest.py` moves in before anything else is imported, in every process of pytest; programs that tests start
inherit it. Whatever still runs in that home when the tests are over is a process that a test left behind.
"""

import os
import tempfile
import time
from collections.abc import MutableMapping
from pathlib import Path

import psutil

OTHERS_SETTINGS = (
    *("EMOTION_MONITOR_", "MQTT_", "XDG_", "PULSE_", "ALSA_", "HF_", "TRANSFORMERS_", "TEXTUAL", "LC_", "LANG"),
    *("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "PYTHONWARNINGS", "PYTHONIOENCODING", "PYTHONUTF8"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
)
"""How variables begin, in either case, that say to a program what somebody wants of it."""

ZONE = "Asia/Kathmandu"
"""Not UTC and no whole hour: what takes a local time for another shows."""

OUR_TOOLS_SETTINGS = ("TEXTUAL_SNAPSHOT_",)
"""What pytest's plugins tell their other processes."""

PYTHONS_OWN = "multiprocessing.resource_tracker"
"""Python keeps this process for itself until it ends."""


def move_in(folder: Path, environ: MutableMapping[str, str] = os.environ) -> None:
    """Makes a folder the home, with English and `ZONE`, and forgets everybody's settings."""
    for name in list(environ):
        if name.upper().startswith(OTHERS_SETTINGS) and not name.startswith(OUR_TOOLS_SETTINGS):
            del environ[name]
    places = {"HOME": "."} | {f"XDG_{kind.upper()}_HOME": kind for kind in ("config", "state", "data", "cache")}
    places |= {"XDG_RUNTIME_DIR": "run", "MPLCONFIGDIR": "cache/matplotlib"}
    for name, place in places.items():
        environ[name] = str(folder / place)
        (folder / place).mkdir(mode=0o700, parents=True, exist_ok=True)
    environ |= {"LC_ALL": "C.UTF-8", "TZ": ZONE}
    if environ is os.environ:
        time.tzset()


def new_home() -> "tempfile.TemporaryDirectory[str]":
    """An empty folder that goes away; its path is short, because sockets lie in it."""
    return tempfile.TemporaryDirectory(prefix="home", ignore_cleanup_errors=True)


def processes_in(home: Path, *, patience_s: float) -> list[psutil.Process]:
    """Processes other than this one that have the home in their environment, and do not end within some seconds."""
    found = [process for process in psutil.process_iter() if process.pid != os.getpid() and _lives_in(process, home)]
    return psutil.wait_procs(found, timeout=patience_s)[1]


def _lives_in(process: psutil.Process, home: Path) -> bool:
    try:
        ours = any(value.startswith(str(home)) for value in process.environ().values())
        return ours and PYTHONS_OWN not in " ".join(process.cmdline())
    except psutil.Error:
        return False
