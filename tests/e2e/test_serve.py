"""The dashboard in a browser, by `textual serve`."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.e2e.test_terminal import plain
from tests.program import PATIENCE_S, SAMPLE, environment, wait_until

SERVE = Path(sys.executable).parent / "textual"
PLAY = f"-m monitor run --source file:{SAMPLE} --model fake --mqtt off"


@pytest.fixture
def address(tmp_path):
    """Where a dashboard is served."""
    pytest.importorskip("textual_serve")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = environment({"XDG_STATE_HOME": str(tmp_path)})
    words = [str(SERVE), "serve", "--port", str(port), "--command", f"{sys.executable} {PLAY}"]
    server = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the server")
        yield f"ws://127.0.0.1:{port}/ws?width=100&height=30"
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def test_a_browser_gets_the_dashboard_and_its_keys_work(address):
    with connect(address, proxy=None) as browser:
        sent, deadline = "", time.monotonic() + PATIENCE_S
        while "of speech" not in plain(sent):
            assert time.monotonic() < deadline, plain(sent)[-2000:]
            message = browser.recv(timeout=PATIENCE_S)
            sent += message.decode() if isinstance(message, bytes) else ""
        browser.send('["stdin", "q"]')
        for _ in browser:  # until the program has ended and the server closes
            pass
    assert "file:two_cities.flac" in plain(sent)
