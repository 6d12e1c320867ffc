"""A real microphone stays closed until someone at the dashboard agrees."""

import signal
from contextlib import contextmanager

import pytest

from tests.e2e.test_terminal import Terminal
from tests.patience import wait_until
from tests.program import SAMPLE, running
from tests.pulse import pulse

__all__ = ["pulse"]

pytestmark = [pytest.mark.system, pytest.mark.alone]

LISTEN = ("run", "--source", "mic", "--model", "fake", "--mqtt", "off")


@contextmanager
def dashboard(pulse, state, *more):
    """The program in a terminal, with a state folder of its own."""
    screen = Terminal(*LISTEN, *more, env={**pulse.env, "XDG_STATE_HOME": str(state)})
    try:
        yield screen
    finally:
        screen.close()


def test_the_microphone_is_opened_only_after_someone_agreed_and_that_is_remembered(pulse, tmp_path):
    with dashboard(pulse, tmp_path) as screen:
        screen.until("those around me know")
        assert pulse.listeners() == 0
        screen.press("\r")
        screen.until("listening")
        wait_until(lambda: pulse.listeners() == 1, "the microphone to be opened")
        screen.press("q")
        assert screen.end() == 0
    with dashboard(pulse, tmp_path) as screen:
        screen.until("listening")
        screen.press("q")
        assert screen.end() == 0
        assert "those around me know" not in screen.sent


@pytest.mark.parametrize("way", ["q", "\x03", signal.SIGTERM])
def test_who_does_not_agree_leaves_and_was_not_heard(pulse, tmp_path, way):
    with dashboard(pulse, tmp_path) as screen:
        screen.until("those around me know")
        if isinstance(way, str):
            screen.press(way)
        else:
            screen.process.send_signal(way)
        assert screen.end() == 0
        assert pulse.listeners() == 0
        assert "Traceback" not in screen.sent
    assert not (tmp_path / "emotion-monitor" / "consent.json").exists()


def test_a_kiosk_is_not_asked(pulse, tmp_path):
    with dashboard(pulse, tmp_path, "--yes") as screen:
        screen.until("listening")
        assert "those around me know" not in screen.sent


def test_without_a_screen_one_line_says_what_is_done_with_what_is_heard(pulse, tmp_path):
    with running(
        *LISTEN, "--headless", "--sink", f"jsonl:{tmp_path / 'x'}", env=pulse.env, until="listening"
    ) as program:
        said = program.wait_for("about to hear mic:")
        assert f"Stored: readings, in {tmp_path / 'x'}; never sound, nor how a voice sounds" in said


def test_switching_from_a_file_to_the_microphone_asks_too(pulse, tmp_path):
    env = {**pulse.env, "XDG_STATE_HOME": str(tmp_path)}
    screen = Terminal("run", "--source", f"file:{SAMPLE}", "--model", "fake", "--mqtt", "off", columns=130, env=env)
    try:
        screen.until("of speech")
        screen.press("m")
        screen.until("default microphone")
        screen.press("\r")
        screen.until("those around me know")
        assert pulse.listeners() == 0
        screen.press("q")
        screen.until("nobody at the dashboard agreed")
        assert pulse.listeners() == 0
        assert screen.process.poll() is None
    finally:
        screen.close()
