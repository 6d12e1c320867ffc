"""Events that the broker does not have yet, on disk, so that the next run can publish what this one could not."""

import asyncio
import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from core.errors import UsageError
from core.settings import MqttSettings
from core.user_path import user_path
from monitor.clock import WallClock, steady_s
from monitor.mqtt.address import BrokerAddress
from monitor.mqtt.messages import Message, topic_level
from monitor.mqtt.outgoing import Entry

try:
    import fcntl
except ImportError:  # Windows has other locks; there, nobody is refused
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

COLLECT_S = 0.005
"""Changes are written together so long after the first. What the broker acknowledges by then is never written, and the
connection, which is what people wait for, gets the processor first."""
RETRY_S = 5.0
CLOSE_S = 3.0
"""A disk that takes longer to write what is left is not waited for."""
LOOK_AT_CLOCK_S = 10.0
"""So often, even while nothing changes."""
MAX_SET_ASIDE = 9

_APPLICATION = 0x656D6F6E  # "emon": the file is ours
_VERSION = 1
_SCHEMA = """
CREATE TABLE event (
    seq INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL,
    schema TEXT,
    model TEXT,
    correlation BLOB,
    valid_until REAL
)
"""
_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file is read-only",
    sqlite3.SQLITE_CORRUPT: "the file is corrupt",
    sqlite3.SQLITE_NOTADB: "the file is corrupt",
}
# SQLITE_ERROR is what a file of ours never leads to: other tables, or none.
_UNREADABLE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


def outbox_path(settings: MqttSettings, address: BrokerAddress) -> Path | None:
    """The file of a node at a broker; None for none.

    What was meant for one broker never goes to another, so each has a file of its own. The embedded broker has none
    unless a path is given: it ends with the program, and nobody listens to it before the next has begun.

    Raises:
        UsageError: `mqtt.outbox` names a folder, or no file can be there.
    """
    if settings.outbox == "off" or (settings.outbox == "auto" and settings.url == "embedded"):
        return None
    if settings.outbox != "auto":
        path = user_path("mqtt.outbox", settings.outbox)
        if path.is_dir():
            msg = f"mqtt.outbox: {path} is a folder"
            raise UsageError(msg, hint="name a file, or write auto or off")
        return path
    from platformdirs import user_state_path

    place = hashlib.sha256(f"{address.host}:{address.port}/{settings.base}/{settings.node}".encode()).hexdigest()
    return user_state_path("emotion-monitor") / f"{topic_level(settings.node)[:64]}-{place[:8]}.sqlite3"


class Outbox:
    """Mirrors on disk which events wait: a Store of `Outgoing` that never waits for the disk.

    `put` and `remove` note a change; a thread writes what has changed since it last wrote, in one transaction, synced
    (SQLite, WAL, synchronous=FULL). So a slow disk makes transactions larger and not more numerous, and an event that
    the broker had before its turn came never touches the disk. An event is on disk one or two transactions after
    `put`; a process killed before that loses it only if the broker did not get it either.

    A full disk, a read-only file or any other failure stops nothing: `problem` says what is wrong, all that waits is
    in memory anyway, and every `retry_s` the file is opened anew and made equal to that. A file that is corrupt or not
    ours is set aside as `NAME.corrupt-N`, what can be read of it is kept, and a new one is begun.

    On disk, events are valid until a time of day, since the next run may be on a machine that has been restarted. When
    the clock is set, that of all that wait is written anew.

    The process that opens the file owns it until it ends, however that comes about. Only its user can read it, and
    what is removed from it is overwritten.

    Args:
        path: The file; its folder is made.
        retry_s: Pause after a failure.
    """

    def __init__(self, path: Path, *, retry_s: float = RETRY_S) -> None:
        self.path = path
        self.problem: str | None = None
        self._retry_s = retry_s
        self._clock = WallClock(steady_s)
        self._was_set = False  # the clock, since all that waits was written
        self._owner = _Lock(path.with_name(f"{path.name}.lock"))
        self._file: _File | None = None
        self._is_corrupt = False
        self._found: dict[int, Entry] = {}
        self._left: Callable[[list[Entry]], None] | None = None
        self._opened: Future[None] = Future()
        self._closed: Future[None] = Future()
        self._changed = threading.Condition()  # guards what follows
        self._waiting: dict[int, Entry] = {}
        self._on_disk: set[int] = set()
        self._dirty: set[int] = set()
        self._closing = False

    async def open(self, left: Callable[[list[Entry]], None]) -> None:
        """Opens the file, or begins trying to.

        Args:
            left: Called in this loop with what an earlier run has left: before this returns, or if the file cannot be
                read now, once it can.

        Raises:
            UsageError: Another process has it open.
        """
        loop = asyncio.get_running_loop()

        def tell(entries: list[Entry]) -> None:
            with suppress(RuntimeError):  # the loop has closed meanwhile
                loop.call_soon_threadsafe(left, entries)

        self._left = tell
        threading.Thread(target=self._run, name="outbox", daemon=True).start()
        await asyncio.wrap_future(self._opened)

    def put(self, entry: Entry) -> None:
        """Keeps an event until it is removed; returns at once."""
        with self._changed:
            self._waiting[entry.seq] = entry
            self._dirty.add(entry.seq)
            self._changed.notify()

    def remove(self, seq: int) -> None:
        """Forgets an event; returns at once."""
        with self._changed:
            self._waiting.pop(seq, None)
            self._dirty.add(seq)
            self._changed.notify()

    async def close(self) -> int:
        """Writes what is to be written, within a moment, and gives the file up; returns how many events it holds."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await asyncio.shield(asyncio.wrap_future(self._closed))
        with self._changed:
            return len(self._on_disk & self._waiting.keys())

    @property
    def unsaved(self) -> int:
        """Events that wait and are in memory only."""
        with self._changed:
            return len(self._waiting.keys() - self._on_disk)

    def _run(self) -> None:
        try:
            self._owner.acquire()
        except UsageError as error:
            self._opened.set_exception(error)
            return
        except OSError:
            pass  # the attempt will say so
        self._attempt()
        self._opened.set_result(None)
        closing = False
        while not closing:
            with self._changed:
                if self.problem:
                    self._changed.wait_for(lambda: self._closing, self._retry_s)
                else:
                    self._changed.wait_for(lambda: self._closing or self._dirty, LOOK_AT_CLOCK_S)
                closing = self._closing
            if not closing:
                time.sleep(COLLECT_S)
            self._attempt()
        if self._file is not None:
            self._file.close()
        self._owner.release()
        self._closed.set_result(None)

    def _attempt(self) -> None:
        """Opens the file if it is not, and writes what has changed; a second time if the first shows it is corrupt."""
        for _ in range(2):
            try:
                self._write(self._file or self._open())
            except (sqlite3.Error, OSError, UsageError) as error:
                if self._file is not None:
                    self._file.close()
                    self._file = None
                self._is_corrupt = _code(error) in _UNREADABLE
                problem: str | None = _REASONS.get(_code(error)) or getattr(error, "strerror", None) or str(error)
            else:
                problem = None
            if not self._is_corrupt:
                break
        if problem and problem != self.problem:
            logger.warning("outbox: %s: %s; what waits is kept in memory", self.path, problem)
        elif self.problem and not problem:
            logger.info("outbox: %s is in order again", self.path)
        self.problem = problem

    def _open(self) -> "_File":
        self._owner.acquire()  # makes the folder, too
        if self._is_corrupt:
            aside = _set_aside(self.path)
            self._is_corrupt = False
            logger.warning("outbox: %s was corrupt and is set aside as %s", self.path, aside.name)
        file = self._file = _File(self.path)
        on_disk = set()
        self._look_at_clock()
        for entry in file.read(self._clock.offset_s):
            on_disk.add(entry.seq)
            if self._left is not None:
                self._found[entry.seq] = entry
        with self._changed:
            if self._left is not None:
                self._waiting = self._found | self._waiting
                self._left(list(self._found.values()))
                self._left = None
            self._on_disk = on_disk
            self._dirty |= on_disk ^ self._waiting.keys()
        return file

    def _write(self, file: "_File") -> None:
        with self._changed:
            changed, self._dirty = self._dirty, set()
            self._look_at_clock()
            if self._was_set:
                changed |= self._waiting.keys()
            puts = [self._waiting[seq] for seq in sorted(changed) if seq in self._waiting]
            removed = [seq for seq in changed if seq not in self._waiting and seq in self._on_disk]
        if puts or removed:
            file.write(puts, removed, self._clock.offset_s)  # if it fails, opening it anew shows what is missing
        self._was_set = False
        with self._changed:
            self._on_disk.update(entry.seq for entry in puts)
            self._on_disk.difference_update(removed)

    def _look_at_clock(self) -> None:
        self._was_set |= bool(self._clock.moved_s())


class _File:
    """The SQLite file, open in this process only.

    Raises:
        sqlite3.Error, OSError: Everywhere but in `close`.
    """

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would let everybody read it
        self._db = sqlite3.connect(path, isolation_level=None, timeout=1.0)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")  # needs no -shm file, and nobody else has business here
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.execute("PRAGMA journal_size_limit = 1000000")
            self._make_or_check()
        except BaseException:
            self.close()
            raise

    def read(self, offset_s: float) -> Iterator[Entry]:
        """All events, oldest first; `offset_s` from our clock to the time of day."""
        rows = self._db.execute(
            "SELECT seq, topic, payload, schema, model, correlation, valid_until FROM event ORDER BY seq"
        )
        for seq, topic, payload, schema, model, correlation, valid_until in rows:
            message = Message(
                topic=topic,
                payload=payload,
                schema=schema,
                model=model,
                correlation=correlation,
                valid_until=valid_until and valid_until - offset_s,
            )
            yield Entry(seq, message)

    def write(self, puts: Iterable[Entry], removed: Iterable[int], offset_s: float) -> None:
        """Adds events and removes others, both or neither; `offset_s` from our clock to the time of day."""
        rows = [
            (each.seq, message.topic, message.payload, message.schema, message.model, message.correlation, until)
            for each in puts
            for message in [each.message]
            for until in [message.valid_until and message.valid_until + offset_s]
        ]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("DELETE FROM event WHERE seq = ?", [(seq,) for seq in removed])
        self._db.executemany("INSERT OR REPLACE INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Gives it up; what was not committed is as if it had not been written."""
        with suppress(sqlite3.Error):
            self._db.close()

    def _make_or_check(self) -> None:
        tables, application, version = self._db.execute(
            "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version"
            " FROM pragma_application_id, pragma_user_version"
        ).fetchone()
        if not tables:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(_SCHEMA)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
            self._db.execute("COMMIT")
        elif (application, version) != (_APPLICATION, _VERSION):
            self._db.execute("SELECT * FROM an_outbox_of_this_version")  # an SQLITE_ERROR like that of a missing column


class _Lock:
    """Held by one process at most; the system releases it when that ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Takes it, unless we have it.

        Raises:
            UsageError: Another process has it.
            OSError: Its file cannot be made.
        """
        if self._fd is not None or fcntl is None:
            return
        with suppress(FileExistsError):  # a file in the place of the folder: opening says so better
            self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(fd, 32).decode(errors="replace").strip() or "unknown"
            os.close(fd)
            msg = f"mqtt: this node runs already, as process {pid}"
            raise UsageError(msg, hint="stop it, or give this one another name with mqtt.node") from None
        self._fd = fd
        with suppress(OSError):  # on a full disk it stays unknown who we are
            os.ftruncate(fd, 0)
            os.pwrite(fd, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Lets others have it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _set_aside(path: Path) -> Path:
    names = [path.with_name(f"{path.name}.corrupt-{number}") for number in range(1, MAX_SET_ASIDE + 1)]
    aside = next((name for name in names if not name.exists()), names[-1])
    for suffix in ("", "-wal"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
    return aside


def _code(error: Exception) -> int:
    """SQLite's primary result code, 0 for other errors."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
