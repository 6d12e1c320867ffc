"""A virtual microphone: PulseAudio with a null sink, whose monitor is the default input of whoever uses `env`.

A test module or conftest that wants it says `from tests.pulse import pulse`, takes the fixture `pulse`, starts the
program under test as a subprocess with `env=pulse.env`, waits until it listens, and calls `pulse.play(path)`.
"""

import ctypes.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest

SINK = "speaker"
NULL_SINK = (f"sink_name={SINK}", "rate=48000", "channels=2")
MICROPHONE = "virtual microphone"

# Besides the default device, one with a name of its own.
ASOUNDRC = f"""
pcm.!default {{ type pulse }}
ctl.!default {{ type pulse }}
pcm."{MICROPHONE}" {{ type pulse device "{SINK}.monitor" hint.description "what the speaker plays" }}
"""


@dataclass(slots=True)
class Pulse:
    """A running server of our own; `env` makes a subprocess use it."""

    env: dict[str, str]
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Starts a server that keeps its files in a folder."""
        env = os.environ | {
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder),
            "PULSE_SERVER": f"unix:{folder}/socket",
        }
        return cls(env, _serve(env))

    def play(self, path: Path) -> subprocess.Popen[bytes]:
        """Speaks a sound file into the microphone; returns at once."""
        return subprocess.Popen(["paplay", f"--device={SINK}", str(path)], env=self.env)

    def suspend(self, duration_s: float) -> None:
        """Makes the microphone lose that much sound."""
        self._pactl("suspend-sink", SINK, "1")
        time.sleep(duration_s)
        self._pactl("suspend-sink", SINK, "0")

    def unplug(self) -> None:
        """Takes the microphone away from a server that goes on."""
        self._pactl("unload-module", "module-null-sink")

    def plug_in(self) -> None:
        """Brings it back."""
        self._pactl("load-module", "module-null-sink", *NULL_SINK)

    def listeners(self) -> int:
        """How many programs hold the microphone open."""
        words = ["pactl", "list", "short", "source-outputs"]
        return len(subprocess.run(words, env=self.env, check=True, capture_output=True).stdout.splitlines())

    def kill(self) -> None:
        """Takes the microphone away."""
        self.process.kill()
        self.process.wait()

    def revive(self) -> None:
        """Brings it back."""
        self.process = _serve(self.env)

    def _pactl(self, *words: str) -> None:
        subprocess.run(["pactl", *words], env=self.env, check=True, capture_output=True)


@contextmanager
def start_pulse() -> Iterator[Pulse]:
    """Runs a server in a folder of its own, ended by its own process id."""
    missing = [program for program in ("pulseaudio", "paplay", "pactl") if not shutil.which(program)]
    if not ctypes.util.find_library("portaudio"):
        missing.append("libportaudio2")
    if missing:
        pytest.skip(f"no virtual microphone without {', '.join(missing)}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".asoundrc").write_text(ASOUNDRC)
        pulse = Pulse.start(Path(folder))
        try:
            yield pulse
        finally:
            pulse.kill()


def _serve(env: dict[str, str]) -> subprocess.Popen[bytes]:
    socket = env["PULSE_SERVER"].removeprefix("unix:")
    with (Path(env["HOME"]) / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
                *("-L", f"module-native-protocol-unix auth-anonymous=1 socket={socket}"),
                *("-L", f"module-null-sink {' '.join(NULL_SINK)}"),
            ],
            env=env,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_it_answers(env)
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def _wait_until_it_answers(env: dict[str, str]) -> None:
    for _ in range(100):
        if subprocess.run(["pactl", "info"], env=env, capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    pytest.fail("PulseAudio did not start: " + (Path(env["HOME"]) / "log").read_text())


@pytest.fixture(scope="session")
def pulse() -> Iterator[Pulse]:
    """One virtual microphone for all tests."""
    with start_pulse() as running:
        yield running
