"""The image's recipe: what it copies is there and suffices, what it starts exists. No image is built here."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from monitor.cli import _parser
from monitor.metrics import MetricsServer
from tests.sample_events import health

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config" / "docker"
RECIPE = re.sub(r"\\\n\s*", "", (FOLDER / "Dockerfile").read_text())


def lines_of(instruction: str) -> list[str]:
    return re.findall(rf"^(?:HEALTHCHECK .*)?{instruction} (.*)$", RECIPE, re.MULTILINE)


def copied() -> list[str]:
    """From the repository into the image."""
    return [name for line in lines_of("COPY") if "--from" not in line for name in line.split()[:-1]]


def test_what_is_copied_is_let_through_and_nothing_else_is():
    ignored = [line for line in (FOLDER / "Dockerfile.dockerignore").read_text().splitlines() if line[:1] != "#"]
    assert ignored[0] == "*"
    assert sorted(line[1:] for line in ignored if line[0] == "!") == sorted(copied())


@pytest.mark.slow
def test_what_is_copied_is_enough_to_build_the_program_from(tmp_path):
    for name in copied():
        there = ROOT / name
        if there.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(there, tmp_path / name, ignore=ignore, symlinks=True)  # as a container's builder does
        else:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            shutil.copy(there, tmp_path / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path / "dist")]
    subprocess.run([*build, str(tmp_path)], check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert "core/default.toml" in zipfile.ZipFile(wheel).namelist()


def test_it_runs_as_nobody_special_and_keeps_readings_out_of_its_log():
    assert lines_of("USER") == ["10001:10001"]
    program, words = json.loads(lines_of("ENTRYPOINT")[0]), json.loads(lines_of("CMD")[-1])
    assert program == ["emotion-monitor"]
    arguments = _parser().parse_args(words)
    assert (arguments.headless, arguments.sink) == (True, ["jsonl:/dev/null"])


def test_its_health_is_that_of_the_event_loop():
    port = re.search(r"METRICS__PORT=(\d+)", RECIPE)[1]
    words = json.loads(lines_of("CMD")[0])
    assert port in words[2]
    with MetricsServer(0) as server:
        here = server.url.removeprefix("http://127.0.0.1:").removesuffix("/metrics")
        check = [sys.executable, words[1], words[2].replace(port, here)]
        assert subprocess.run(check, capture_output=True, check=False).returncode == 1
        server.tell(health())
        assert subprocess.run(check, capture_output=True, check=False).returncode == 0
    assert subprocess.run(check, capture_output=True, check=False).returncode == 1, "nobody listens"
