"""Programs of the system that tests run: where they are, and a skip that says what is missing."""

import os
import shutil

import pytest

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
"""Servers are in folders that are not in everybody's path."""

PACKAGES = {
    "mosquitto_passwd": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
    "mosquitto_rr": "mosquitto-clients",
    "mosquitto_sub": "mosquitto-clients",
}
"""Debian's packages, where they do not have the program's name."""


def need(*programs: str) -> None:
    """Skips the test, saying so, where a program is not installed."""
    missing = [program for program in programs if shutil.which(program, path=PATH) is None]
    if missing:
        packages = dict.fromkeys(PACKAGES.get(program, program) for program in missing)
        pytest.skip(f"not installed: {', '.join(missing)}: apt install {' '.join(packages)}")
