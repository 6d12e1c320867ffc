import subprocess
import sys

import pytest

from tests.offline_eval.command import emotion_eval


def test_help_imports_no_torch():
    code = (
        "import sys\n"
        "from offline_eval.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("wrong", [["train"], ["train", "--epochs", "0"], ["tran"], []])
def test_a_wrong_command_line_exits_with_2(wrong, capsys):
    assert emotion_eval(*wrong) == 2
    assert "Traceback" not in capsys.readouterr().err
