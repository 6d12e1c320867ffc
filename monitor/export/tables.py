"""A session as comma-separated tables that pandas and spreadsheets open without being told how.

UTF-8 with a byte order mark, by which spreadsheets know it; a line of column names; commas, and quotes where they are
needed. Times are UTC and written so that Excel, LibreOffice and pandas all take them for times. Numbers are those of
the events, unrounded. What is not known is an empty cell.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias

from core.distribution import EMOTIONS, EmotionDistribution
from core.wire.events import DropEvent, NoteEvent, UtteranceEvent
from monitor.export.session import Session, spoken
from monitor.wire_time import epoch_s

Cell: TypeAlias = str | float | int | None

FORMULA = "=+-@"
"""A spreadsheet computes a text cell that begins so, in wide letters too; an apostrophe before it makes it a text."""


UTTERANCE_COLUMNS: dict[str, str] = {
    "stream": "names one run of one source",
    "source": "where the sound came from",
    "name": "what the user calls the source",
    "seq": "counts the stream's final readings from 1; a gap is a lost one",
    "utterance": "number of the utterance within its stream",
    "started_utc": "when it began",
    "ended_utc": "when it ended",
    "start_s": "when it began, in seconds of the stream's own sound",
    "end_s": "when it ended, likewise",
    "duration_s": "how long it is",
    "status": "ok, or invalid: there is no reading",
    "reason": "why there is none",
    **{name: f"how likely {name} is to be heard in this utterance, 0 to 1" for name in EMOTIONS},
    "entropy": "of the four, 0: one emotion only, 1: all equally",
    "margin": "lead of the most likely emotion over the second",
    "dominant": "the most likely emotion; see margin before trusting it",
    **{f"smoothed_{name}": f"{name} in the moving average up to this utterance" for name in EMOTIONS},
    "truncated_s": "seconds of speech beyond what the model hears",
    "latency_hangover_ms": "silence waited for at its end",
    "latency_queue_ms": "waiting for the model",
    "latency_features_ms": "audio encoder",
    "latency_llm_ms": "language model",
    "latency_total_ms": "from the last voiced frame to the reading",
    "model": "name of the model",
    "model_sha256": "of its weights",
    "prompt": "how it was asked",
    "readout": "how its logits became the four",
    "calibration": "which calibration corrected them; empty: none",
    "heard_before": "utterances of this voice and room that the model had heard; empty: it does not adapt",
    "adaptation_weight": "how much of what they sound like was taken off, 0 to 1",
    "prompt_spread": "how much hangs on the way of asking, 0 to 1; empty: it was asked in one way",
    "transcript": "what was said, where the user turned that on",
    "id": "a UUID; repeats of an event share it",
}
NOTE_COLUMNS = {
    "at_utc": "when it was made",
    "text": "what it says",
    "stream": "a stream that was listening then; a note has a row for each",
    "at_s": "second of that stream's own sound",
    "id": "a UUID; rows of one note share it",
}
DROP_COLUMNS = {
    "stream": "names one run of one source",
    "source": "where the sound came from",
    "name": "what the user calls the source",
    "reason": "why this sound got no reading",
    "started_utc": "when it began",
    "ended_utc": "when it ended",
    "start_s": "when it began, in seconds of the stream's own sound",
    "end_s": "when it ended, likewise",
    "duration_s": "how long it is",
}


def utterances(session: Session) -> str:
    """One row per final reading, those that are no reading included."""
    return _table(UTTERANCE_COLUMNS, map(_utterance, session.utterances))


def notes(session: Session) -> str:
    """One row per note and stream that was listening."""
    return _table(NOTE_COLUMNS, (row for note in session.notes for row in _note(note)))


def drops(session: Session) -> str:
    """One row per stretch of sound that got no reading."""
    zeros_s = session.zeros_s
    return _table(DROP_COLUMNS, (_drop(drop, zeros_s[drop.stream]) for drop in session.drops))


def harmless(text: str) -> str:
    """The text as a spreadsheet shows it: on one line, without control characters, and never a formula."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return f"'{line}" if unicodedata.normalize("NFKC", line[:1]).startswith(tuple(FORMULA)) else line


def _utterance(event: UtteranceEvent) -> list[Cell]:
    span, latency, model, adaptation = spoken(event), event.latency_ms, event.model, event.adaptation
    return [
        event.stream,
        event.source,
        event.name,
        event.seq,
        event.utterance,
        _utc(span.start_s),
        _utc(span.end_s),
        event.start_s,
        event.end_s,
        _length(event.start_s, event.end_s),
        event.status,
        event.reason,
        *_shares(event.distribution),
        event.entropy,
        event.margin,
        event.dominant,
        *_shares(event.smoothed),
        event.truncated_s,
        latency.hangover,
        latency.queue,
        latency.features,
        latency.llm,
        latency.total,
        model.name,
        model.sha256,
        model.prompt,
        model.readout,
        model.calibration,
        adaptation.utterances if adaptation else None,
        adaptation.weight if adaptation else None,
        event.prompt_spread,
        event.transcript,
        event.id,
    ]


def _note(note: NoteEvent) -> list[list[Cell]]:
    at = _utc(epoch_s(note.at) or 0.0)
    places: Iterable[tuple[str | None, float | None]] = note.positions_s.items() or [(None, None)]
    return [[at, note.text, stream, at_s, note.id] for stream, at_s in places]


def _drop(drop: DropEvent, zero_s: float) -> list[Cell]:
    times = [_utc(zero_s + drop.start_s), _utc(zero_s + drop.end_s)]
    seconds = [drop.start_s, drop.end_s, _length(drop.start_s, drop.end_s)]
    return [drop.stream, drop.source, drop.name, drop.reason, *times, *seconds]


def _shares(distribution: EmotionDistribution | None) -> Sequence[Cell]:
    return tuple(distribution) if distribution else [None] * len(EMOTIONS)


def _length(start_s: float, end_s: float) -> float:
    return round(end_s - start_s, 6)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _table(columns: dict[str, str], rows: Iterable[Sequence[Cell]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in row])
    return "\N{BYTE ORDER MARK}" + text.getvalue()
