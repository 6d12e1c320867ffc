"""torchao, for tests of quantised weights: `make test` puts it beside the environment, where nothing else finds it.

Installed as everything else is, it would be imported by transformers in every process of every test.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def torchao():
    beside = str(Path(sys.prefix) / "torchao")
    sys.path.append(beside)
    try:
        if find_spec("torchao") is None:
            pytest.skip("torchao is not installed; `make test` does it where there is one for this machine")
        yield
    finally:
        sys.path.remove(beside)
