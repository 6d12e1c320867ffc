"""The dashboard in a browser, by `textual serve`."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.e2e.test_terminal import plain
from tests.patience import PATIENCE_S, wait_until
from tests.program import SAMPLE, environment

SERVE = Path(sys.executable).parent / "textual"
PLAY = f"run --source file:{SAMPLE} --model fake --mqtt off"


@contextmanager
def served(command: str, state: Path) -> Iterator[str]:
    """Where a command of ours is served."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = environment({"XDG_STATE_HOME": str(state)})
    words = [str(SERVE), "serve", "--port", str(port), "--command", f"{sys.executable} -m monitor {command}"]
    server = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the server")
        yield f"ws://127.0.0.1:{port}/ws?width=100&height=30"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


@pytest.fixture
def look_at(tmp_path) -> Iterator[Callable[[str, str], str]]:
    """Looks at a served command until a word is there, and quits by its key; gives all that was on screen."""
    with ExitStack() as stack:

        def look(command: str, word: str) -> str:
            address = stack.enter_context(served(command, tmp_path))
            with connect(address, proxy=None) as browser:
                sent, deadline = "", time.monotonic() + PATIENCE_S
                while word not in plain(sent):
                    assert time.monotonic() < deadline, plain(sent)[-2000:]
                    message = browser.recv(timeout=PATIENCE_S)
                    sent += message.decode() if isinstance(message, bytes) else ""
                browser.send('["stdin", "q"]')
                for _ in browser:  # until the program has ended and the server closes
                    pass
            return plain(sent)

        yield look


def test_a_browser_gets_the_dashboard_and_its_keys_work(look_at):
    assert "file:two_cities.flac" in look_at(PLAY, "of speech")


def test_a_browser_can_watch_a_monitor_elsewhere(look_at):
    assert "mqtt://127.0.0.1:1" in look_at("watch mqtt://127.0.0.1:1", "No broker yet")
