"""The columns of the table, whatever file it is in."""

from collections.abc import Iterator
from typing import Any

from core.distribution import EMOTIONS
from core.wire.events import ModelStamp
from monitor.read.rows import FileRead, Row

INDEX = ("file", "start", "end")
"""What a row is about: the index of a segmented table in audformat, which programs of the field exchange."""

COLUMNS: dict[str, str] = {
    "file": "the file, as it was asked for",
    "start": "where the utterance begins in it",
    "end": "where it ends; empty: the file's end",
    **{name: f"how likely {name} is to be heard in this utterance, 0 to 1" for name in EMOTIONS},
    "entropy": "of the four, 0: one emotion only, 1: all equally",
    "margin": "lead of the most likely emotion over the second",
    "dominant": "the most likely emotion; see margin before trusting it",
    "status": "ok; invalid: an utterance without a reading; no speech: a file without an utterance; unread: from here "
    "on the file could not be read",
    "reason": "why there is no reading",
    "heard_before": "utterances of this file that the model had heard; empty: it does not adapt",
    "adaptation_weight": "how much of what they sound like was taken off, 0 to 1",
    "prompt_spread": "how much hangs on the way of asking, 0 to 1; empty: it was asked in one way",
    "truncated_s": "seconds of speech beyond what the model hears",
    "transcript": "what was said, where the user turned that on",
    "model": "name of the model",
    "model_sha256": "of its weights",
    "prompt": "how it was asked",
    "readout": "how its logits became the four",
    "calibration": "which calibration corrected them; empty: none",
}


def spelled(text: str) -> str:
    """A file's name that is no text, as some of old systems are, with what is none spelled out."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def cells(read: FileRead, model: ModelStamp) -> Iterator[dict[str, Any]]:
    """The rows of a file, by column; times in seconds, None where nothing is known."""
    return (_cells(read, row, model) for row in read.rows)


def _cells(read: FileRead, row: Row, model: ModelStamp) -> dict[str, Any]:
    heard = row.distribution
    return {
        "file": spelled(read.file),
        "start": row.start_s,
        "end": row.end_s,
        **(heard.as_dict() if heard else dict.fromkeys(EMOTIONS)),
        "entropy": heard and heard.entropy,
        "margin": heard and heard.margin,
        "dominant": heard and heard.dominant,
        "status": row.status,
        "reason": row.reason and spelled(row.reason),
        "heard_before": row.heard_before,
        "adaptation_weight": row.adaptation_weight,
        "prompt_spread": row.prompt_spread,
        "truncated_s": row.truncated_s,
        "transcript": row.transcript,
        "model": model.name,
        "model_sha256": model.sha256,
        "prompt": model.prompt,
        "readout": model.readout,
        "calibration": model.calibration,
    }
