"""The program in a real (pseudo-)terminal, as a person starts it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest

from tests.patience import PATIENCE_S
from tests.program import SAMPLE, command, environment

PLAY = ("run", "--source", f"file:{SAMPLE}", "--model", "fake", "--mqtt", "off")
LEAVES_ALTERNATE_SCREEN = "\x1b[?1049l"


class Terminal:
    """A program in a terminal of a given size; remembers all it was sent."""

    def __init__(
        self, *arguments: str, columns: int = 100, rows: int = 30, env: Mapping[str, str] | None = None
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        whole = environment({"TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})})
        self.process = subprocess.Popen(
            command(*arguments),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=whole,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - so that closing it is told
        )
        os.close(slave)
        self.sent = ""

    def until(self, word: str) -> None:
        """Waits for a word on the screen."""
        deadline = time.monotonic() + PATIENCE_S
        while word not in plain(self.sent):
            assert time.monotonic() < deadline, f"no {word!r} in {plain(self.sent)[-3000:]}"
            if not self._receive():
                pytest.fail(f"the program ended before it showed {word!r}: {plain(self.sent)[-3000:]}")

    def press(self, keys: str) -> None:
        """Types."""
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Waits for the program's exit status."""
        while self._receive():
            pass
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        """Kills what still runs."""
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            os.close(self.master)

    def _receive(self) -> bool:
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                self.sent += os.read(self.master, 65536).decode(errors="replace")
            except OSError:  # the other side has closed
                return False
        return True


def plain(text: str) -> str:
    """Without escape sequences."""
    return re.sub(r"\x1b(\[[0-9;?<>=]*[a-zA-Z]|\][^\x07]*\x07|[PX^_].*?\x1b\\|.)", "", text)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def start(*arguments: str, **options: Any) -> Terminal:
        made.append(Terminal(*arguments, **options))
        return made[-1]

    yield start
    for each in made:
        each.close()


def test_a_person_sees_readings_and_leaves_with_q(terminal):
    screen = terminal(*PLAY)
    screen.until("timeline")
    screen.until("anger")
    screen.until("of speech")
    screen.press("q")
    assert screen.end() == 0
    assert LEAVES_ALTERNATE_SCREEN in screen.sent
    assert "Traceback" not in screen.sent


def test_whoever_leaves_is_told_what_was_heard_and_where_it_is(terminal, tmp_path):
    screen = terminal(*PLAY, "--speed", "max", columns=200, env={"XDG_DATA_HOME": str(tmp_path)})
    screen.until("has ended")
    screen.press("r")
    screen.until(f"Recording {tmp_path}")
    screen.press("r")
    screen.until(f"Recorded {tmp_path}")
    screen.press("q")
    assert screen.end() == 0
    (recording,) = (tmp_path / "emotion-monitor" / "recordings").iterdir()
    _, _, after = screen.sent.partition(LEAVES_ALTERNATE_SCREEN)
    lines = [line.removeprefix("emotion-monitor: ") for line in plain(after).splitlines()]
    assert "8 utterances, 40 s of speech; 8 readings" in lines
    assert any(line.startswith("heard on average: ") for line in lines)
    assert lines[-1] == f"saved: {recording}"


def test_after_the_end_of_the_file_the_readings_stay_until_q(terminal):
    screen = terminal(*PLAY, "--speed", "max")
    screen.until("has ended")
    assert screen.process.poll() is None
    screen.press("q")
    assert screen.end() == 0


def test_sigterm_restores_the_terminal(terminal):
    screen = terminal(*PLAY)
    screen.until("timeline")
    screen.process.send_signal(signal.SIGTERM)
    assert screen.end() == 0
    assert LEAVES_ALTERNATE_SCREEN in screen.sent


def test_closing_the_terminal_ends_it_well(terminal, tmp_path):
    screen = terminal(*PLAY, "--record", str(tmp_path))
    screen.until("of speech")
    os.close(screen.master)
    assert screen.process.wait(PATIENCE_S) == 0
    (recording,) = tmp_path.iterdir()
    assert '"state":"stopped"' in recording.read_text().splitlines()[-1], "the last health, after everything has ended"


def test_a_model_that_cannot_be_loaded_is_said_after_the_dashboard_has_gone(terminal, tmp_path):
    screen = terminal("run", "--source", f"file:{SAMPLE}", "--mqtt", "off", "--model", str(tmp_path))
    assert screen.end() == 2
    assert "has no config.json" in plain(screen.sent)
    assert "Traceback" not in screen.sent


def test_events_and_the_dashboard_do_not_share_the_terminal(terminal):
    screen = terminal(*PLAY, "--sink", "jsonl")
    assert screen.end() == 2
    assert "--headless" in screen.sent


def test_a_terminal_of_twenty_columns_does_not_stop_it(terminal):
    screen = terminal(*PLAY, columns=20, rows=8)
    screen.until("anger")
    screen.press("q")
    assert screen.end() == 0
