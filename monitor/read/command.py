"""`emotion-monitor read FILES_OR_FOLDERS --out TABLE`: what is heard in many files, as one table."""

import asyncio
import logging
import os
import signal
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from core.command_line import INTERRUPTED
from core.errors import UsageError
from core.settings import Settings
from core.speech_llm.fetching import prepare
from core.worker import InferenceWorker
from monitor.read.files import Chosen, choose
from monitor.read.hearing import read_files
from monitor.read.journal import Journal
from monitor.read.progress import progress_bar
from monitor.read.rows import FileRead
from monitor.read.table import HEADER, Kind, kind_of, write_table
from monitor.signals import on_end

log = logging.getLogger(__name__)

MOST_LINES = 20
"""Files with trouble that are named; the table has them all."""


def read(paths: Sequence[Path], out: Path, settings: Settings, *, kind: str | None = None) -> int:
    """Reads files into a table; returns the exit status, which is not 0 if anything was not read.

    Files that the table has already, unchanged, are not read again. Interrupted, it still writes the table, of the
    files that were read by then.

    Args:
        paths: Files, and folders with files.
        out: The table: a file, or for audformat a folder.
        settings: Model, segmenter and all.
        kind: Format of the table; by default the one that its name says.

    Raises:
        EmotionMonitorError: Nothing can be read or written, or the table is of another model or other settings.
    """
    chosen = choose(paths)
    wanted = kind_of(out, kind)
    path = out.with_name(f"{out.name}.journal")
    _refuse_others(wanted, out, path)
    prepare(settings.model, memory_mb=settings.worker.memory_mb)
    with Journal(path, settings) as journal:
        files = {file: size for file, size in _sizes(chosen.files).items() if not _is_read(journal, file)}
        reading = _Reading(journal, settings, files, of=len(chosen.files))
        interrupted = asyncio.run(reading.run()) if files else False
        if journal.model is not None:
            write_table(wanted, out, journal, journal.model)
            _report(journal, chosen, reading.read, out)
    if interrupted:
        log.warning("interrupted: the same command goes on with %s", _count(reading.left, "file"))
        return INTERRUPTED
    return int(any(read.trouble for read in reading.read))


class _Reading:
    """Files that are read now, until a signal asks for the end.

    Args:
        journal: Takes them.
        settings: All settings.
        sizes_bytes: The files, and their sizes.
        of: How many there are in all, those that were read before included.

    Attributes:
        read: Those that were read, without their rows.
    """

    def __init__(self, journal: Journal, settings: Settings, sizes_bytes: Mapping[Path, int], *, of: int) -> None:
        self.read: list[FileRead] = []
        self._journal = journal
        self._settings = settings
        self._sizes_bytes = sizes_bytes
        self._of = of

    @property
    def left(self) -> int:
        """Files that were not read."""
        return len(self._sizes_bytes) - len(self.read)

    async def run(self) -> bool:
        """Reads; whether it was interrupted.

        Raises:
            EmotionMonitorError: The model cannot be loaded, is another one than the table's, or the disk is full.
        """
        signals: list[signal.Signals] = []
        work = asyncio.create_task(self._run(), name="reading")

        def stop(number: signal.Signals) -> None:
            signals.append(number)
            work.cancel()

        on_end(stop)
        try:
            await work
        except asyncio.CancelledError:
            if not signals:
                raise
        return bool(signals) and self.left > 0

    async def _run(self) -> None:
        with progress_bar(self._sizes_bytes, of=self._of) as bar:

            def done(read: FileRead) -> None:
                self._journal.push(read)
                self.read.append(replace(read, rows=()))
                bar.done(Path(read.file))

            async with InferenceWorker(self._settings.model, self._settings.worker) as worker:
                self._journal.begin(worker.ready.stamp)
                await read_files(self._sizes_bytes, worker, self._settings, done=done, heard=bar.heard)


def _sizes(files: Iterable[Path]) -> dict[Path, int]:
    return {file: found.st_size if (found := _stat(file)) else 0 for file in files}


def _is_read(journal: Journal, file: Path) -> bool:
    found = _stat(file)
    return found is not None and journal.has(str(file), size_bytes=found.st_size, modified_ns=found.st_mtime_ns)


def _stat(file: Path) -> os.stat_result | None:
    """None where it cannot be said, which whoever reads the file is told."""
    try:
        return file.stat()
    except OSError:
        return None


def _refuse_others(kind: Kind, out: Path, journal: Path) -> None:
    """What somebody else has made is not replaced."""
    there = out / HEADER if kind == "audformat" else out
    wrong = out.exists() and out.is_dir() != (kind == "audformat")
    if wrong or (there.exists() and not journal.exists()):
        msg = f"{out} is there already, and {'is no table in ' + kind if wrong else f'no {journal.name} beside it'}"
        raise UsageError(msg, hint="choose another place with --out")


def _report(journal: Journal, chosen: Chosen, read: Sequence[FileRead], out: Path) -> None:
    """What is in the table, and what is not: nothing that was asked for is left out unsaid."""
    for line in [f"{one.file}: {notice}" for one in read for notice in one.notices][:MOST_LINES]:
        log.info("%s", line)
    troubled = [one for one in read if one.trouble]
    for one in troubled[:MOST_LINES]:
        log.warning("%s: %s", one.file, one.trouble)
    if len(troubled) > MOST_LINES:
        log.warning("and %s more: the table names them all", _count(len(troubled) - MOST_LINES, "file"))
    if passed_over := [file for file in chosen.passed_over if file not in {out, journal.path}]:
        kinds = sorted({file.suffix.lower() or "no suffix" for file in passed_over})
        some = ", ".join(kinds[:MOST_LINES]) + (", ..." if len(kinds) > MOST_LINES else "")
        log.info("passed over, being no sound by their names (%s): %s", some, _count(len(passed_over), "file"))
    rows = Counter(row.status for one in journal for row in one.rows)
    before = len(journal) - len(read)
    words = [f"{out}: {_count(rows['ok'] + rows['invalid'], 'utterance')} of {_count(len(journal), 'file')}"]
    words += [f"read before: {_count(before, 'file')}"] if before else []
    words += [f"without a reading: {_count(rows['invalid'], 'utterance')}"] if rows["invalid"] else []
    words += [f"without speech: {_count(rows['no speech'], 'file')}"] if rows["no speech"] else []
    words += [f"not read, or not to the end: {_count(rows['unread'], 'file')}"] if rows["unread"] else []
    log.info("%s", "; ".join(words))


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
