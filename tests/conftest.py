"""Fixtures every test may use, and a home of the tests' own."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.own_home import move_in, new_home, processes_in

HOME = new_home()
move_in(Path(HOME.name))

pytest_plugins = ["tests.mosquitto", "tests.fault_table", "tests.quantized"]

PLUG_INS = Path(__file__).parent / "plugins"
SHARED = Path(os.environ.get("SPEECH_DATA", Path(__file__).parents[2] / "shared"))

# Programs under test find the fake model as users' programs find theirs: among what is installed.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PLUG_INS), os.environ.get("PYTHONPATH"))))

# Tests and the programs that they start share the cores: with as many threads each as there are cores, they would
# wait for one another's threads most of the time.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Under nohup it would be ignored, and so it would by the programs that tests start, which tests then send it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# A slow machine must not fail a test.
settings.register_profile("suite", deadline=None)
# `make fuzz`: many examples, and those that failed are kept and tried first; see tests/fuzz.
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "100000")),
    database=DirectoryBasedExampleDatabase(Path(__file__).parents[1] / ".hypothesis-fuzz"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Among workers, files with slow tests come first: begun last, one of them would keep the others waiting.

    Else the fast ones do, as they stand.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_unconfigure() -> None:
    """Removes the home."""
    HOME.cleanup()


@pytest.fixture(scope="session", autouse=True)
def no_process_stays() -> Iterator[None]:
    """Every process that a test started has ended when the tests are over; one that has not is ended and named."""
    yield
    left = processes_in(Path(HOME.name), patience_s=10)
    for process in left:
        process.kill()
    assert not left, "a test left them behind"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The data folder beside the checkout; tests that need it skip, saying so, where it is absent."""
    if not (SHARED / "data.md").exists():
        pytest.skip(f"the data folder beside the checkout is absent ({SHARED.name}/)")
    return SHARED
