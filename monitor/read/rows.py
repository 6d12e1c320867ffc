"""What is heard in a file: a row for every utterance, and one for what nothing can be said of."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from core.distribution import EmotionDistribution
from core.model import Reading
from core.sound.utterance import Utterance

Status: TypeAlias = Literal["ok", "invalid", "no speech", "unread"]
"""`invalid`: an utterance without a reading, and `reason` says why; `no speech`: a file without an utterance; `unread`:
from here on the file could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A stretch of a file, from `start_s` to `end_s`, or to the file's end where that is None.

    `heard_before` counts the utterances of this file that the model had heard, and `adaptation_weight` says how much
    of what they sound like was taken off; both are None where it does not adapt.
    `prompt_spread` is how much hangs on the way of asking; None where it was asked in one way.
    """

    start_s: float
    end_s: float | None
    status: Status
    reason: str | None = None
    distribution: EmotionDistribution | None = None
    heard_before: int | None = None
    adaptation_weight: float | None = None
    prompt_spread: float | None = None
    truncated_s: float = 0.0
    transcript: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """A file that was read, as far as it could be.

    Attributes:
        file: Its path, as it was asked for.
        size_bytes: How large it was.
        modified_ns: When it was changed last, in nanoseconds since the epoch.
        rows: In order of time; at least one.
        trouble: Why it, or a part of it, was not read: then it is tried again another time.
        notices: What else the user should be told of it.
    """

    file: str
    size_bytes: int
    modified_ns: int
    rows: tuple[Row, ...]
    trouble: str | None = None
    notices: tuple[str, ...] = ()


def row_of(utterance: Utterance, reading: Reading, *, transcript: bool) -> Row:
    """The row of an utterance; what was said only if that is wanted."""
    adaptation = reading.adaptation
    return Row(
        start_s=utterance.start_s,
        end_s=utterance.end_s,
        status="invalid" if reading.distribution is None else "ok",
        reason=reading.reason,
        distribution=reading.distribution,
        heard_before=adaptation.utterances if adaptation else None,
        adaptation_weight=adaptation.weight if adaptation else None,
        prompt_spread=reading.prompt_spread,
        truncated_s=reading.truncated_s,
        transcript=reading.transcript if transcript else None,
    )


def finished(rows: list[Row], *, heard_s: float, trouble: str | None) -> tuple[Row, ...]:
    """All rows of a file of which `heard_s` seconds were heard; none is without a row."""
    if trouble is not None:
        return (*rows, Row(start_s=heard_s, end_s=None, status="unread", reason=trouble))
    return tuple(rows) or (Row(start_s=0.0, end_s=None, status="no speech", reason="no speech"),)
