"""A file of events, read from any place on."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import UsageError
from core.wire.events import Event
from monitor.recordings.lines import Header, Line, read_line
from monitor.recordings.timing import Timing
from monitor.wire_time import epoch_s

LONGEST_LINE = 1_000_000
"""Bytes; a longer line is no event."""
PATIENCE_LINES = 1000
"""A file whose first so many lines hold no event is none of ours."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place between two lines: bytes and lines before it, and the time there."""

    offset: int = 0
    lines: int = 0
    timing: Timing = field(default_factory=Timing)


@dataclass(frozen=True, slots=True)
class Step:
    """One line that was read: the place after it, and its event; None if it is damaged or not of ours."""

    place: Place
    event: Event | None


class Tape:
    """A recording, or what `--sink jsonl:PATH` wrote. What is appended after it was opened is not read.

    Args:
        path: The file.

    Attributes:
        header: Of a recording; an empty one otherwise.
        recorded_at: When it begins, seconds since the epoch; None if no line says.
        size: In bytes.

    Raises:
        UsageError: It cannot be read or holds no event.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header = Header()
        try:
            if path.is_dir():
                msg = f"{path} is a folder, not a file of events"
                raise UsageError(msg)
            self.size = path.stat().st_size
            first = self._first_event()
        except OSError as error:
            msg = f"cannot read {path}: {error.strerror}"
            raise UsageError(msg) from error
        self.recorded_at = epoch_s(self.header.created_at)
        if self.recorded_at is None:
            self.recorded_at = first.place.timing.latest_at

    def steps(self, place: Place | None = None) -> Iterator[Step]:
        """Line by line from a place on; blank lines and headers are passed over.

        Raises:
            OSError: The file is gone.
        """
        offset, lines, timing = (place.offset, place.lines, place.timing) if place else (0, 0, Timing())
        with self.path.open("rb") as file:
            file.seek(offset)
            while offset < self.size:
                data = file.readline(LONGEST_LINE)
                whole = data.endswith(b"\n") or offset + len(data) >= self.size
                offset, lines = offset + len(data), lines + 1
                if not data:
                    return
                while not whole:
                    rest = file.readline(LONGEST_LINE)
                    offset += len(rest)
                    whole, data = rest.endswith(b"\n") or not rest, b"\x00"
                text = data.removeprefix(b"\xef\xbb\xbf").strip() if lines == 1 else data.strip()
                if not text:
                    continue
                read = self._read(text)
                if isinstance(read, Header):
                    continue
                if read is not None:
                    timing = timing.push(read.event, read.received_at)
                yield Step(Place(offset, lines, timing), read.event if read else None)

    def _first_event(self) -> Step:
        for step in self.steps():
            if step.event is not None:
                return step
            if step.place.lines >= PATIENCE_LINES:
                break
        what = "is empty" if self.size == 0 else "holds no events of emotion-monitor"
        msg = f"{self.path} {what}"
        raise UsageError(msg, hint="make one with emotion-monitor run --record DIR, or --sink jsonl:PATH")

    def _read(self, text: bytes) -> Line | Header | None:
        try:
            read = read_line(text)
        except UsageError as error:
            msg = f"{self.path}: {error}"
            raise UsageError(msg, hint=error.hint) from None
        if isinstance(read, Header) and self.header == Header():
            self.header = read
        return read
