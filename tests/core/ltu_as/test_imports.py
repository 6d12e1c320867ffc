import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    ["core.ltu_as", "core.ltu_as.prompt", "core.ltu_as.verbalizer", "core.ltu_as.readout", "core.ltu_as.config"],
)
def test_what_needs_no_tensors_does_not_load_torch(module):
    code = f"import sys, {module}; sys.exit(any(name in sys.modules for name in ('torch', 'transformers')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_readout_is_the_function_whatever_was_imported_before():
    code = (
        "import core.ltu_as.readout; from core.ltu_as import LTUAS, LTUASConfig, StepLogits, readout;"
        "assert callable(readout) and LTUAS.__name__ == 'LTUAS'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
