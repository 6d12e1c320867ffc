"""The hold on the terminal: what ends the dashboard unexpectedly is one line there, and everything in the log."""

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
