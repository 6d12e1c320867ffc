"""The hold on the terminal: what ends the dashboard unexpectedly is one line there, and everything in the log."""

import os
import stat
from functools import partial

import pytest

from core.errors import AudioError
from monitor.dashboard import DashboardApp
from monitor.dashboard.terminal import DashboardError, own_terminal
from tests.monitor.dashboard.driving import SMALL


def fail() -> None:
    msg = "a bug"
    raise LookupError(msg)


async def test_a_dashboard_that_crashes_is_one_line_for_people_and_a_traceback_in_the_log(tmp_path, capfd):
    app = DashboardApp(on_command=print)
    app._checkup = fail
    app.run_async = partial(app.run_async, headless=True, size=SMALL)
    log = tmp_path / "monitor.log"
    with pytest.raises(DashboardError) as failed, own_terminal(log):
        await app.show()
    assert failed.value.one_line() == f"the dashboard failed: LookupError: a bug (please report it; {log} says more)"
    assert failed.value.exit_code == 1
    assert "Traceback" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("group", [False, True])
def test_what_ends_it_from_behind_is_told_likewise(group, tmp_path):
    error = LookupError("a bug")
    with pytest.raises(DashboardError, match="LookupError: a bug"), own_terminal(tmp_path / "log"):
        raise ExceptionGroup("tasks", [error]) if group else error


def test_an_error_of_ours_is_told_as_it_is(tmp_path):
    with pytest.raises(AudioError, match="no microphone"), own_terminal(tmp_path / "log"):
        raise AudioError("no microphone")  # noqa: EM101, TRY003


@pytest.mark.parametrize("is_there", [False, True])
def test_only_the_user_may_read_the_log(is_there, tmp_path):
    log = tmp_path / "logs" / "monitor.log"
    if is_there:  # as earlier versions left it
        log.parent.mkdir()
        log.write_text("microphones and names of files")
        log.chmod(0o644)
    with own_terminal(log):
        os.write(2, b"a decoder complains\n")
    assert log.read_text() == "a decoder complains\n"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
