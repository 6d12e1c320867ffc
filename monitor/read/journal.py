"""What has been read into a table, a line of JSON for each file: a run that was interrupted goes on from it.

The first line names the model and the settings; readings of others do not go into the same table. A line that was cut
short counts for nothing: its file is read again. Of two lines on one file, the later one counts.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from core.errors import EmotionMonitorError, UsageError
from core.settings import Settings
from core.wire.events import ModelStamp
from monitor.read.rows import FileRead

try:
    import fcntl
except ImportError:  # Windows has other locks; there, nobody is refused
    fcntl = None  # type: ignore[assignment]

SCHEMA = "emotion-monitor/read/1"
_OF_SERVERS = ("server_token_file", "server_ca_file", "server_insecure", "server_timeout_s")
NOT_OF_READINGS = {"model": {"explain", *_OF_SERVERS}, "segmenter": {"interim_every_s"}, "vad": set[str]()}
"""Sections of the settings that readings depend on, and what in them they do not depend on."""

_FILE_READ = TypeAdapter(FileRead)


class JournalError(EmotionMonitorError):
    """The journal cannot be written, such as on a full disk."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the line of a file is, and by what it is known to be the same file."""

    offset: int
    size_bytes: int
    modified_ns: int
    trouble: str | None


class Journal:
    """The journal of one table; only one program has it at a time.

    Args:
        path: Made if it is not there, for the user alone to read.
        settings: By which files are to be read.

    Attributes:
        model: What has read, as far as something has.

    Raises:
        UsageError: It cannot be opened, is another file, or of other settings, or another program is at it.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        self.path = path
        self.model: ModelStamp | None = None
        self._settings = _settings_of(settings)
        self._places: dict[str, _Place] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
        except OSError as error:
            msg = f"cannot write {path}: {error.strerror}"
            raise UsageError(msg, hint="choose another place with --out") from error
        try:
            self._lock()
            self._load()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.model is None:  # nothing came of it
            self.path.unlink(missing_ok=True)
        self._file.close()

    def __len__(self) -> int:
        """Files that it tells of."""
        return len(self._places)

    def __iter__(self) -> Iterator[FileRead]:
        """What it tells of each file, in the order of their names."""
        for name in sorted(self._places):
            self._file.seek(self._places[name].offset)
            yield _FILE_READ.validate_python(json.loads(self._file.readline()))

    def has(self, file: str, *, size_bytes: int, modified_ns: int) -> bool:
        """Whether this very file, unchanged, was read without trouble."""
        place = self._places.get(file)
        return place is not None and (place.size_bytes, place.modified_ns, place.trouble) == (
            size_bytes,
            modified_ns,
            None,
        )

    def begin(self, model: ModelStamp) -> None:
        """Says what reads.

        Raises:
            UsageError: Something else has read before.
            JournalError: It cannot be written.
        """
        if self.model is None:
            self.model = model
            self._write({"schema": SCHEMA, "model": asdict(model), "settings": self._settings})
        elif self.model != model:
            self._refuse(_differences(asdict(self.model), asdict(model)))

    def push(self, read: FileRead) -> None:
        """Adds a file that was read.

        Raises:
            JournalError: It cannot be written.
        """
        offset = self._write(asdict(read))
        self._places[read.file] = _place(offset, read)

    def _write(self, values: Mapping[str, Any]) -> int:
        line = json.dumps(values).encode() + b"\n"
        offset = self._file.seek(0, os.SEEK_END)
        try:
            left = memoryview(line)
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            msg = f"cannot write {self.path}: {error.strerror}"
            raise JournalError(msg, hint="make room; the same command then goes on from here") from error
        return offset

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            msg = f"{self.path}: another program reads into this table"
            raise UsageError(msg, hint="wait for it, or choose another place with --out") from None

    def _load(self) -> None:
        offset, line = 0, self._file.readline()
        if not line.endswith(b"\n"):  # empty, or ended by force before the first line was whole
            self._file.truncate(0)
            return
        self._load_header(line)
        while True:
            offset, line = offset + len(line), self._file.readline()
            if not line.endswith(b"\n"):  # the end, or what was cut short
                self._file.truncate(offset)
                return
            with suppress(ValueError, ValidationError, RecursionError):
                read = _FILE_READ.validate_python(json.loads(line))
                self._places[read.file] = _place(offset, read)

    def _load_header(self, line: bytes) -> None:
        try:
            values = json.loads(line)
            schema, settings, model = values["schema"], values["settings"], ModelStamp(**values["model"])
        except (ValueError, KeyError, TypeError, RecursionError):
            schema, settings, model = None, {}, None
        if schema != SCHEMA:
            msg = f"{self.path} does not say what was read into the table"
            raise UsageError(msg, hint="choose another place with --out")
        if settings != self._settings:
            self._refuse(_differences(settings, self._settings))
        self.model = model

    def _refuse(self, differences: str) -> None:
        msg = f"{self.path.stem} was read otherwise: {differences}"
        raise UsageError(msg, hint=f"choose another place with --out, or remove {self.path.stem} and {self.path.name}")


def _settings_of(settings: Settings) -> dict[str, Any]:
    """All that readings depend on, as `section.key`."""
    return {
        f"{section}.{key}": value
        for section, without in NOT_OF_READINGS.items()
        for key, value in asdict(getattr(settings, section)).items()
        if key not in without
    }


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    return ", ".join(f"{key} {before.get(key)}, now {now.get(key)}" for key in keys)


def _place(offset: int, read: FileRead) -> _Place:
    return _Place(offset, read.size_bytes, read.modified_ns, read.trouble)
