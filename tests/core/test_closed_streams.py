"""Standard streams that are closed or full: whatever is lost is said, and no traceback."""

import subprocess

import pytest

from tests.patience import PATIENCE_S
from tests.program import command, environment


def shell(redirection: str) -> subprocess.CompletedProcess[str]:
    """The JSON Schemas, which are longer than any buffer, with the shell's redirection."""
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *command("schema")],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment({"LC_ALL": "C"}),
        check=False,
    )


@pytest.mark.parametrize(
    ("redirection", "why"), [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")]
)
def test_output_that_cannot_be_written_is_one_line_and_a_failure(redirection, why):
    done = shell(redirection)
    assert done.stderr == f"emotion-monitor: cannot write to standard output: {why}\n"
    assert done.returncode == 1


def test_messages_that_nobody_wants_go_nowhere_and_no_file_takes_their_place():
    done = shell("2>&-")
    assert done.stdout.startswith("{")
    assert (done.returncode, done.stderr) == (0, "")
    assert shell("<&- >&- 2>&-").returncode == 1
