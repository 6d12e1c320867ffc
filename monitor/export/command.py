"""`emotion-monitor export FILE`: a recording, or what --sink jsonl:PATH wrote, in other formats."""

from collections.abc import Iterable
from pathlib import Path

from core.errors import UsageError
from monitor.export.formats import FORMATS, Format, export
from monitor.export.session import Session, Spool
from monitor.recordings.tape import Tape


def export_file(path: Path, formats: Iterable[Format], folder: Path) -> tuple[Session, list[Path]]:
    """Exports a file of events.

    Returns:
        What was in it, and the new files, named after it.

    Raises:
        UsageError: The file cannot be read or holds no event.
        ExportError: The new files cannot be written.
    """
    session = read_session(path)
    return session, export(session, formats, folder, stem=path.stem)


def read_session(path: Path) -> Session:
    """The session in a file of events; lines that are no event are counted and passed over.

    Raises:
        UsageError: The file cannot be read or holds no event.
    """
    tape = Tape(path)
    spool = Spool(limit=None)
    skipped = 0
    try:
        for step in tape.steps():
            if step.event is None:
                skipped += 1
            else:
                spool.push(step.event)
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}"
        raise UsageError(msg) from error
    return spool.session(skipped=skipped)


def known_formats(text: str) -> list[Format]:
    """The formats in a list with commas.

    Raises:
        UsageError: One is not known.
    """
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in wanted if word not in FORMATS]
    if unknown or not wanted:
        msg = f"--format: unknown format {unknown[0]!r}" if unknown else "--format: none is named"
        raise UsageError(msg, hint=f"known: {', '.join(FORMATS)}")
    return [kind for kind in FORMATS if kind in wanted]
