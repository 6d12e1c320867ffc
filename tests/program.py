"""The whole program as its users run it: another process, its standard output, its exit status."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.model import SAMPLE_RATE_HZ
from core.sound.audio import read_audio
from tests.patience import PATIENCE_S

REPOSITORY = Path(__file__).parents[1]
SAMPLE = REPOSITORY / "monitor" / "samples" / "two_cities.flac"


@cache
def long_talk() -> Path:
    """The sample again and again: played as if spoken, it outlasts whatever a test does meanwhile."""
    path, sample = Path.home() / "talk.wav", read_audio(SAMPLE)
    times = 1 + int(2 * PATIENCE_S * SAMPLE_RATE_HZ) // len(sample)
    soundfile.write(path, np.tile(sample, times), SAMPLE_RATE_HZ)
    return path


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that has ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """Standard output, which must be events and nothing else."""
        return [json.loads(line) for line in self.out.splitlines()]

    def events_of(self, kind: str) -> list[dict[str, Any]]:
        """Events of one schema, by its short name."""
        return [event for event in self.events if event["schema"] == f"emotion-monitor/{kind}/1"]


def command(*arguments: str) -> list[str]:
    """Words that start emotion-monitor."""
    return [sys.executable, "-m", "monitor", *arguments]


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without anybody's settings for emotion-monitor, and with `extra`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EMOTION_MONITOR_")}
    return clean | dict(extra or {})


def run(*arguments: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> Finished:
    """Runs emotion-monitor to its end."""
    done = subprocess.run(
        command(*arguments), input=stdin, capture_output=True, timeout=PATIENCE_S, env=environment(env), check=False
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


class Running:
    """emotion-monitor while it runs; its log is read as far as somebody waited for it, its input is a pipe of ours."""

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.said: list[str] = []
        self.process = subprocess.Popen(
            command("--verbose", *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(env),
        )

    def hear(self, samples: NDArray[np.int16]) -> None:
        """Gives it sound on its standard input (int16 [n], 16 kHz mono)."""
        assert self.process.stdin is not None
        self.process.stdin.buffer.write(samples.tobytes())
        self.process.stdin.flush()

    def wait_for(self, word: str, times: int = 1) -> str:
        """The line of the log that holds `word` for that time."""
        assert self.process.stderr is not None
        while len(found := [line for line in self.said if word in line]) < times:
            line = self.process.stderr.readline()
            assert line, f"the program ended before it said {word!r}: {''.join(self.said)}"
            self.said.append(line)
        return found[times - 1]

    def end(self, signal_number: int) -> float:
        """Sends a signal; returns the seconds until the program ended."""
        began_s = time.monotonic()
        self.process.send_signal(signal_number)
        self.process.communicate(timeout=PATIENCE_S)
        return time.monotonic() - began_s


@contextmanager
def running(*arguments: str, env: Mapping[str, str] | None = None, until: str = "ready: ") -> Iterator[Running]:
    """emotion-monitor, from when its log has said a word; killed afterwards if it still runs."""
    program = Running(*arguments, env=env)
    try:
        program.wait_for(until)
        yield program
    finally:
        program.process.kill()
        program.process.communicate()
