"""The systemd unit fits the program, and systemd itself finds no fault with it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from core.settings import WorkerSettings
from monitor.cli import _parser

UNIT = Path(__file__).parents[2] / "config" / "systemd" / "emotion-monitor.service"
SETTINGS = dict(line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match(r"[A-Z]\w*=", line))


def test_it_starts_a_run_that_there_is():
    program, *words = SETTINGS["ExecStart"].split()
    assert Path(program).name == "emotion-monitor"
    arguments = _parser().parse_args(words)
    assert arguments.headless
    assert arguments.config == Path("/etc/emotion-monitor/config.toml")


def test_a_model_may_take_as_long_to_load_as_the_program_lets_it():
    assert SETTINGS["Type"] == "notify"
    assert int(SETTINGS["TimeoutStartSec"].removesuffix("s")) > WorkerSettings().start_timeout_s


def test_readings_and_sound_stay_out_of_the_journal_and_of_core_dumps():
    assert SETTINGS["StandardOutput"] == "null"
    assert SETTINGS["LimitCORE"] == "0"


@pytest.mark.system
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_understands_every_line_and_calls_it_well_protected(tmp_path):
    here = tmp_path / UNIT.name
    here.write_text(UNIT.read_text().replace(SETTINGS["ExecStart"].split()[0], shutil.which("true") or "/bin/true"))
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, [line for line in checked.stderr.splitlines() if UNIT.name in line]) == (0, [])
    rated = ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(here)]
    judged = subprocess.run(rated, capture_output=True, text=True, check=False)
    if "unrecognized option" in judged.stderr:
        pytest.skip("this systemd-analyze cannot judge a file")
    assert judged.returncode == 0, judged.stdout[-300:]
