"""The formats of an export, and exporting."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from core.wire.events import encode
from monitor.export import tables
from monitor.export.page import page
from monitor.export.session import Session
from monitor.export.writing import write_new

Format: TypeAlias = Literal["csv", "jsonl", "html"]
FORMATS: tuple[Format, ...] = get_args(Format)
TEXTS: dict[Format, str] = {
    "csv": "tables for pandas and spreadsheets",
    "jsonl": "the events, a JSON object a line, for programs",
    "html": "a summary on one page, with plots",
}


def export(session: Session, formats: Iterable[Format], folder: Path, *, stem: str | None = None) -> list[Path]:
    """Writes a session in some formats as new files, which only their owner may read.

    Args:
        session: What to write.
        formats: At least one.
        folder: Made if it is not there.
        stem: How the files' names begin; by default the time at which the session began.

    Returns:
        The files.

    Raises:
        ExportError: They cannot be written; none is left behind.
    """
    wanted = set(formats)
    endings = {ending: content for kind in FORMATS if kind in wanted for ending, content in _contents(session, kind)}
    encoded = {ending: text.encode(errors="replace") for ending, text in endings.items()}
    return write_new(folder, stem or _stem(session), encoded)


def _contents(session: Session, kind: Format) -> list[tuple[str, str]]:
    match kind:
        case "csv":
            made = (("utterances", tables.utterances), ("notes", tables.notes), ("drops", tables.drops))
            return [(f"-{name}.csv", table(session)) for name, table in made]
        case "jsonl":
            return [("-events.jsonl", "".join(f"{encode(event).decode()}\n" for event in session.events))]
        case "html":
            return [("-summary.html", page(session))]


def _stem(session: Session) -> str:
    span = session.span
    return f"emotion-{datetime.fromtimestamp(span.start_s if span else time.time(), UTC):%Y-%m-%dT%H-%M-%SZ}"
