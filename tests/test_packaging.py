"""What is installed is what was promised, and starting it costs little."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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
