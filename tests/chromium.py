"""A headless Chromium, driven through its DevTools protocol: pages are opened, asked, clicked and photographed.

Import the fixture `chromium`; it skips, saying so, where Chromium is not installed (`apt install chromium`).
"""

import base64
import http.server
import json
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.patience import PATIENCE_S

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)


class Page:
    """One tab.

    Attributes:
        complaints: What the page threw or logged as an error.
    """

    def __init__(self, debugger_url: str) -> None:
        self.complaints: list[str] = []
        self._stack = ExitStack()
        self._socket = self._stack.enter_context(connect(debugger_url, max_size=None, proxy=None))
        self._number = 0
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol; its result."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=PATIENCE_S))
            self._note(answer)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, url: str) -> None:
        """Goes to a page and waits until its scripts have run."""
        self.call("Page.navigate", url=url)
        here = json.dumps(url.partition("?")[0])
        self.until(f"location.href.startsWith({here}) && document.readyState === 'complete'")

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression; promises are awaited."""
        result = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def until(self, expression: str) -> None:
        """Waits until an expression is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.ask(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"never came true: {expression}\n{self.text()}\n{self.complaints}"
            time.sleep(0.05)

    def text(self, selector: str = "body") -> str:
        """What a person can read there."""
        return str(self.ask(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def fill(self, **fields: str) -> None:
        """Types into fields by their name."""
        for name, value in fields.items():
            field = f"document.querySelector('[name={name}]')"
            self.ask(
                f"{field}.value = {json.dumps(value)}; {field}.dispatchEvent(new Event('input', {{bubbles: true}}))"
            )

    def click(self, selector: str) -> None:
        """Clicks as a person does, so that it counts as one."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.ask(f"{found}.scrollIntoView({{block: 'center'}})")
        box = self.ask(f"{found}.getBoundingClientRect().toJSON()")
        for kind in ("mousePressed", "mouseReleased"):
            place = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
            self.call("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def press(self, key: str) -> None:
        """One key."""
        for kind in ("keyDown", "keyUp"):
            text = {"text": "\r"} if key == "Enter" and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key], **text)

    def look(self, *, width: int, height: int = 844, dark: bool = False, calm: bool = False) -> None:
        """Becomes a screen of that size, in CSS pixels, for someone who likes it so."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **metrics)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def photograph(self, file: Path) -> None:
        """The whole page as a PNG."""
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        file.write_bytes(base64.b64decode(picture))

    def close(self) -> None:
        """Closes the tab."""
        with suppress(ConnectionClosed, TimeoutError):
            self.call("Page.close")
        self._stack.close()

    def _note(self, message: dict[str, Any]) -> None:
        parameters = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        if message.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])


KEYS = {"Tab": 9, "Enter": 13, "Space": 32}


class Chromium:
    """A running browser with a profile of its own."""

    def __init__(self, folder: Path, *flags: str) -> None:
        program = next(path for name in NAMES if (path := shutil.which(name)))
        self._profile = folder / "profile"
        command = [program, *FLAGS, f"--user-data-dir={self._profile}", *flags, "about:blank"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def page(self) -> Page:
        """A new tab."""
        request = urllib.request.Request(f"http://127.0.0.1:{self._port()}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - this machine
            return Page(json.load(answer)["webSocketDebuggerUrl"])

    def close(self) -> None:
        """Ends the browser."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _port(self) -> int:
        file = self._profile / "DevToolsActivePort"
        deadline = time.monotonic() + PATIENCE_S
        while not (file.exists() and file.read_text().strip()):
            assert self._process.poll() is None, "chromium ended at once"
            assert time.monotonic() < deadline, "chromium did not start"
            time.sleep(0.05)
        return int(file.read_text().split()[0])


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves a folder on 127.0.0.1; its address."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def browsing(folder: Path, *flags: str) -> Iterator[Chromium]:
    """A browser with more flags; ended afterwards. Skips where there is none."""
    if not any(shutil.which(name) for name in NAMES):
        pytest.skip("Chromium is not installed: apt install chromium")
    browser = Chromium(folder, *flags)
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser for the tests of a module."""
    with browsing(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser
