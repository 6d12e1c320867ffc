"""`emotion-monitor worker` as a program of its own, with a fake model, that can be killed and stopped."""

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

import psutil

from tests.patience import wait_until
from tests.program import command, environment

PLUG_INS = Path(__file__).parents[2] / "plugins"


class WorkerProgram:
    """A running worker; ready once `ready` returns.

    Args:
        url: Of the broker.
        model: As the setting `model.name`.
        max_batch: Utterances read at once.
    """

    def __init__(self, url: str, model: str = "fake", *, max_batch: int = 1) -> None:
        extra = {
            "EMOTION_MONITOR_WORKER__MAX_BATCH": str(max_batch),
            "EMOTION_MONITOR_MQTT__KEEPALIVE_S": "5",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(PLUG_INS), os.environ.get("PYTHONPATH")))),
        }
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - it lives as long as the program
        self._process = subprocess.Popen(
            command("worker", "--mqtt", url, "--model", model),
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            env=environment(extra),
        )

    def ready(self) -> Self:
        """Returns when it is connected."""
        wait_until(lambda: self._process.poll() is not None or "jobs: connected" in self.said, "a connected worker")
        assert self._process.poll() is None, f"the worker ended: {self.said}"
        return self

    @property
    def said(self) -> str:
        """Its log."""
        self._said.seek(0)
        return self._said.read()

    def kill(self) -> None:
        """kill -9, of its inference process too."""
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._process.pid).children():
                process.kill()
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """It stands still until it is told to go on."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It goes on."""
        self._process.send_signal(signal.SIGCONT)
