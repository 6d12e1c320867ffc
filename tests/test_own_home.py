"""The tests' own home: what somebody set for other programs changes nothing, and nothing is left behind."""

import os
import subprocess
import sys
from pathlib import Path

from tests.own_home import ZONE, move_in, processes_in
from tests.program import REPOSITORY

A_TEST_WITH_A_CLIENT = (
    "tests/monitor/sinks/test_mqtt.py::test_health_is_published_at_its_interval_and_at_once_when_a_part_changes"
)
SOMEBODYS = {"TZ": "Pacific/Auckland", "LC_ALL": "C", "NO_COLOR": "1", "MQTT_PASSWORD": "s3cret"}


def test_home_settings_language_and_clock_are_the_tests_own():
    folders = {name: value for name, value in os.environ.items() if name == "HOME" or name.startswith("XDG_")}
    assert len(folders) == 6
    assert all(value.startswith(os.environ["HOME"]) for value in folders.values())
    assert (os.environ["TZ"], os.environ["LC_ALL"]) == (ZONE, "C.UTF-8")


def test_what_somebody_set_is_forgotten(tmp_path):
    environ = {
        "EMOTION_MONITOR_MQTT__NODE": "x",
        "LANG": "pl_PL.UTF-8",
        "https_proxy": "x",
        "PATH": "/bin",
        **SOMEBODYS,
    }
    move_in(tmp_path, environ)
    kept = {name for name in environ if not environ[name].startswith(str(tmp_path))}
    assert kept == {"PATH", "TZ", "LC_ALL"}


def test_a_home_with_mosquittos_client_files_does_not_reach_the_clients_of_the_tests(mosquitto, tmp_path):  # noqa: ARG001
    """As docs/mqtt.md sets them up: every client would ask another broker, with a certificate that is not there."""
    (tmp_path / ".config").mkdir()
    for program in ("sub", "pub", "rr"):
        lines = ("-h nowhere.invalid", "-p 8883", "--cafile /nowhere/server.crt", "-u operator", "-P x")
        (tmp_path / ".config" / f"mosquitto_{program}").write_text("\n".join(lines))
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}
    words = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", A_TEST_WITH_A_CLIENT)
    environ = os.environ | SOMEBODYS | home
    done = subprocess.run(words, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout


def test_a_process_that_stays_is_found(tmp_path: Path):
    stays = (sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()")
    with subprocess.Popen(
        stays, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"HOME": str(tmp_path)}
    ) as process:
        assert process.stdout
        process.stdout.readline()
        assert [found.pid for found in processes_in(tmp_path, patience_s=0)] == [process.pid]
    assert not processes_in(tmp_path, patience_s=0)
