"""What is installed is what was promised, and starting it costs little."""

import itertools
import subprocess
import sys
import tomllib
import warnings
import zipfile
from importlib.metadata import version
from pathlib import Path

import platformdirs
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from core.worker.models import HEAVY

REPOSITORY = Path(__file__).parents[1]
MINI = ("config.json", "model.safetensors", "tokenizer.json", "MODEL_CARD.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_wheel_holds_exactly_the_three_packages(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"core", "monitor", "offline_eval"}


def test_the_wheel_carries_the_embedded_model_the_sample_the_schemas_and_the_type_marks(wheel):
    names = set(wheel.namelist())
    for name in (
        *("core/py.typed", "monitor/py.typed", "offline_eval/py.typed"),
        *(f"core/ltu_as/mini/{file}" for file in MINI),
        *(f"core/wire/schemas/{path.name}" for path in (REPOSITORY / "core" / "wire" / "schemas").iterdir()),
        *("monitor/samples/two_cities.flac", "monitor/samples/ATTRIBUTION.md", "monitor/dashboard/dashboard.tcss"),
    ):
        assert name in names
    mini = sum(wheel.getinfo(name).file_size for name in names if name.startswith("core/ltu_as/mini/"))
    assert mini <= 64e6


def test_the_wheel_carries_the_documented_settings_as_a_file_of_its_own(wheel):
    assert wheel.read("core/default.toml") == (REPOSITORY / "config" / "default.toml").read_bytes()


def test_an_edge_needs_what_the_program_does_without_torch_and_what_stands_on_it():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    lines = (REPOSITORY / "requirements-edge.txt").read_text().splitlines()
    edge = {Requirement(line) for line in lines if line and not line.startswith("#")}
    assert edge == {
        each for each in map(Requirement, project["dependencies"]) if each.name.replace("-", "_") not in HEAVY
    }


def required() -> dict[str, SpecifierSet]:
    """Libraries that pyproject.toml names, those of extras included, and the versions of them that will do."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    named = map(Requirement, lines)
    return {canonicalize_name(each.name): each.specifier for each in named}


def test_every_pin_is_a_version_that_will_do():
    pins = [line.partition("#")[0].strip() for line in (REPOSITORY / "constraints.txt").read_text().splitlines()]
    pinned = {canonicalize_name(name): pin for name, _, pin in (line.partition("==") for line in pins if line)}
    wanted = required()
    assert {name for name, pin in pinned.items() if name in wanted and pin not in wanted[name]} == set()
    assert "platformdirs" in pinned


def test_no_platformdirs_that_trusts_a_runtime_folder_of_somebody_else_will_do():
    will_do = required()["platformdirs"]
    assert not [before for before in ("4.3.8", "4.11.0", "4.11.99") if before in will_do]
    assert version("platformdirs") in will_do


def test_a_runtime_folder_that_may_be_somebody_elses_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "theirs").mkdir(mode=0o700)
    (tmp_path / "ours").symlink_to(tmp_path / "theirs")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "ours"))
    with warnings.catch_warnings(action="ignore"):  # it says that it looks elsewhere
        folder = platformdirs.user_runtime_path("emotion-monitor")
    assert tmp_path not in folder.resolve().parents


IMPORTED = """
import sys
try:
    {statement}
except SystemExit:
    pass
print(*sorted(name for name in sys.modules if "." not in name), file=sys.stderr)
"""


def imported_by(statement: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED.format(statement=statement)], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_help_imports_no_heavy_library():
    imported = imported_by("from monitor.cli import main; main(['--help'])")
    assert "argparse" in imported
    assert not imported & {"torch", "transformers", "textual", "pydantic", "numpy", "aiomqtt", "sounddevice"}


@pytest.mark.parametrize(
    "module",
    ["monitor.live", "monitor.dashboard", "monitor.sinks.mqtt", "monitor.broker", "core.worker", "core.sound.audio"],
)
def test_nothing_in_the_event_loop_imports_torch(module):
    assert not imported_by(f"import {module}") & {"torch", "transformers"}
