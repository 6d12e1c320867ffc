"""Fixtures every test may use."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["tests.mosquitto"]

PLUG_INS = Path(__file__).parent / "plugins"
SHARED = Path(os.environ.get("SPEECH_DATA", Path(__file__).parents[2] / "shared"))

# Programs under test find the fake model as users' programs find theirs: among what is installed.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(PLUG_INS), os.environ.get("PYTHONPATH"))))

# A slow machine must not fail a test.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Programs under test keep nothing in the state folder of whoever runs the tests."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The data folder beside the checkout; tests that need it skip, saying so, where it is absent."""
    if not (SHARED / "data.md").exists():
        pytest.skip(f"the data folder beside the checkout is absent ({SHARED.name}/)")
    return SHARED
