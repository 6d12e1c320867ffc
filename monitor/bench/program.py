"""The real program in processes of its own, fed through standard input and read as JSON lines."""

import asyncio
import os
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from core.errors import EmotionMonitorError, UsageError
from monitor.broker_ports import USER

_LINE_BYTES = 1 << 20
"""Longest line of a program's events."""


@asynccontextmanager
async def headless(flags: Sequence[str], settings: Mapping[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """`emotion-monitor run` on raw samples; whatever happens, it is gone afterwards. Who enters waits for its end.

    Args:
        flags: More words for `emotion-monitor run`.
        settings: Environment variables for it besides our own.

    Raises:
        UsageError: The program cannot do what it was asked to.
        EmotionMonitorError: It failed, or something did not come in time.
    """
    with tempfile.TemporaryFile() as said:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor", "run", "--headless", "--yes", "--source", "stdin", "--sink", "jsonl"),
            *flags,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
            env={**os.environ, **settings},
            limit=_LINE_BYTES,
        )
        try:
            yield program
        except TimeoutError:
            msg = f"the program was not ready, or did not end, in time: {_last_line(said)}"
            raise EmotionMonitorError(msg) from None
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
        if program.returncode:
            msg = f"the program ended with status {program.returncode}: {_last_line(said)}"
            raise UsageError(msg) if program.returncode == UsageError.exit_code else EmotionMonitorError(msg)


def login(configuration: Path) -> tuple[int, str]:
    """Where the embedded broker speaks MQTT 3.1.1, and its password."""
    listener = tomllib.loads(configuration.read_text(encoding="utf-8"))["v4"]["1"]
    return int(listener["listen"].rpartition(":")[2]), listener["connections"]["auth"][USER]


def _last_line(said: IO[bytes]) -> str:
    """What a program said last, for an error."""
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
