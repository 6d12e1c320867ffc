"""Recordings: everything that happened, as events, for a replay. Never sound."""

import asyncio
import contextlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, MutableSequence
from importlib.metadata import version
from pathlib import Path
from typing import Self

from platformdirs import user_data_path

from core.errors import UsageError
from core.settings import RecordSettings
from core.user_path import user_path
from core.wire.events import Event, encode
from core.wire.health import SinkHealth
from core.wire.values import Timestamp, timestamp
from monitor.sinks.lines import LineWriter
from monitor.sinks.sink import Sink

log = logging.getLogger(__name__)

RECORDING_SCHEMA = "emotion-monitor/recording/1"
"""Of the first line; readers of events skip it, as every schema that they do not know."""
QUEUE_LINES = 10_000
_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:-(\d+))?\.jsonl$")
"""When it was begun, and which of several of that second it is; an export lies beside it under another name."""
FLUSH_S = 0.5
"""So long events come together before they are written; at least once a second they are."""


class Recording:
    """One file: a header, then every event as it came, with the time at which it did.

    A line is the event as `core.wire.events.encode` gives it and one more field, `received_at` (UTC, milliseconds), so
    whatever reads events reads recordings. The header has `schema`, `created_at`, `version` (of this program) and
    `node`. Only the user may read the file.

    Writing happens off the event loop. At most QUEUE_LINES events wait; beyond it the oldest is dropped and counted. A
    full disk degrades the sink until there is room again.

    Args:
        folder: Where the file is made, and the folder too if it is not there.
        node: Whose events these are.

    Raises:
        UsageError: On entering: the file cannot be made.
    """

    name = "recording"

    def __init__(self, folder: Path, node: str) -> None:
        self._folder = folder
        self._node = node
        self._closed = False
        self.path: Path
        self._writer: LineWriter

    async def __aenter__(self) -> Self:
        created_at = timestamp(time.time())
        self.path, fd = await asyncio.to_thread(_create, self._folder, created_at)
        self._writer = LineWriter(self.name, fd, bound=QUEUE_LINES, gather_s=FLUSH_S)
        header = {"schema": RECORDING_SCHEMA, "created_at": created_at, "version": version("emotion-monitor")}
        await self._writer.put(json.dumps({**header, "node": self._node}, ensure_ascii=False).encode() + b"\n")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._writer.close()
        self._closed = True

    async def send(self, event: Event) -> None:
        """Queues one event; never waits."""
        received_at = timestamp(time.time())
        await self._writer.put(encode(event)[:-1] + f',"received_at":"{received_at}"}}\n'.encode())

    def hurry(self) -> None:
        """Closing takes a moment at most."""
        self._writer.hurry()

    def health(self) -> SinkHealth:
        """Where it goes, what waits and what was lost."""
        trouble = self._writer.trouble
        return SinkHealth(
            name=self.name,
            state="closed" if self._closed else "degraded" if trouble else "ok",
            detail=trouble or f"recording events to {self.path}",
            queued=self._writer.queued,
            dropped=self._writer.dropped,
        )


class Recorder:
    """Turns recording on and off: while on, one more sink is among those of the run.

    Args:
        settings: Whether it is on from the start, and where recordings go.
        node: Whose events these are.
        sinks: Of the run.
        say: Tells people where a recording goes, and where it is once it is over; by default the log does.

    Attributes:
        made: The files, in order.

    Raises:
        UsageError: No folder can be where they should go.
    """

    def __init__(
        self,
        settings: RecordSettings,
        node: str,
        sinks: MutableSequence[Sink],
        *,
        say: Callable[[str], None] = log.info,
    ) -> None:
        self.made: list[Path] = []
        self._on = settings.on
        self._folder = recordings_folder(settings)
        self._node = node
        self._sinks = sinks
        self._say = say
        self._current: Recording | None = None
        self._switching = asyncio.Lock()

    @property
    def recording(self) -> str | None:
        """Name of the file that events are being recorded in."""
        return self._current.path.name if self._current else None

    async def switch(self, *, on: bool) -> None:
        """Begins a recording, or ends it; what is so already stays so.

        Raises:
            UsageError: The file cannot be made.
        """
        async with self._switching:
            if on and self._current is None:
                self._current = await Recording(self._folder, self._node).__aenter__()
                self._sinks.append(self._current)
                self.made.append(self._current.path)
                self._say(f"recording {self._current.path}")
            elif not on and self._current is not None:
                over, self._current = self._current, None
                self._sinks.remove(over)
                await over.__aexit__()
                self._say(f"recorded {over.path}")

    async def __aenter__(self) -> Self:
        await self.switch(on=self._on)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.switch(on=False)


def recordings_folder(settings: RecordSettings) -> Path:
    """Where recordings go.

    Raises:
        UsageError: No folder can be there.
    """
    named = settings.folder
    return user_path("record.folder", named) if named else user_data_path("emotion-monitor") / "recordings"


def latest_recording(folder: Path) -> Path:
    """The recording in a folder that was begun last; by its name, whatever became of the file's times since.

    Raises:
        UsageError: There is none.
    """
    try:
        found = [(named[1], int(named[2] or 1), path) for path in folder.iterdir() if (named := _NAME.match(path.name))]
    except OSError:
        found = []
    if not found:
        msg = f"there is no recording in {folder}"
        raise UsageError(msg, hint="name a file or another folder; r in the dashboard, or run --record DIR, makes one")
    return max(found)[2]


def _create(folder: Path, created_at: Timestamp) -> tuple[Path, int]:
    """A new file named after the time, which only the user may read, and its descriptor."""
    stem = created_at[:19].replace(":", "-") + "Z"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, 1000):
            path = folder / (f"{stem}.jsonl" if number == 1 else f"{stem}-{number}.jsonl")
            with contextlib.suppress(FileExistsError):
                return path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    except OSError as error:
        msg = f"record.folder: cannot write {error.filename or folder}: {error.strerror}"
        raise UsageError(msg) from error
    msg = f"record.folder: {folder} has a thousand recordings of this second"
    raise UsageError(msg)
