"""The rows of the table of utterances, as pure folds: readings, and sound that got none."""

from dataclasses import dataclass, replace
from typing import TypeAlias

from core.distribution import EmotionDistribution
from core.verdict import Worth
from core.wire.events import Adaptation
from monitor.losses import ABSENT

HISTORY_LIMIT = 500
"""Rows of history kept; older ones are forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One reading. `raw` is None when there is none, and `reason` then says why."""

    seq: int
    utterance: int | None
    """None when it came from a state event, which does not say."""
    start_s: float | None
    end_s: float | None
    final: bool
    raw: EmotionDistribution | None
    smoothed: EmotionDistribution | None
    reason: str | None = None
    latency_ms: float | None = None
    calibration: str | None = None
    """None: it is uncalibrated."""
    adaptation: Adaptation | None = None
    """None where the model does not adapt, or it is not known."""

    @property
    def worth(self) -> Worth:
        """What its percentages are worth for the voice that was heard."""
        return Worth.of(self.calibration, self.adaptation)

    @property
    def order(self) -> tuple[int, bool]:
        """Later readings have greater ones; an interim reading has the number of the final one that comes next."""
        return self.seq, self.final

    @property
    def length_s(self) -> float | None:
        """Duration of the utterance so far."""
        return None if self.start_s is None or self.end_s is None else self.end_s - self.start_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingRow:
    """An utterance in the history; a later reading of the same utterance replaces it."""

    stream: str
    heard: Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class LostRow:
    """Sound in the history that got no reading; neighbours with the same reason are one row."""

    stream: str
    reason: str
    start_s: float
    length_s: float
    """Of all of them together."""
    times: int = 1


Row: TypeAlias = ReadingRow | LostRow


def with_reading(history: tuple[Row, ...], row: ReadingRow) -> tuple[Row, ...]:
    """The history after one more reading; an interim one that comes late changes nothing."""
    for index in range(len(history) - 1, -1, -1):
        known = history[index]
        if (
            isinstance(known, ReadingRow)
            and known.stream == row.stream
            and known.heard.utterance == row.heard.utterance
        ):
            late = known.heard.final and not row.heard.final
            return history if late else (*history[:index], row, *history[index + 1 :])
    return (*history, row)[-HISTORY_LIMIT:]


def with_loss(history: tuple[Row, ...], row: LostRow) -> tuple[Row, ...]:
    """The history after one more loss; each gap of a microphone has a row of its own."""
    for index in range(len(history) - 1, -1, -1):
        known = history[index]
        if known.stream == row.stream:
            if not isinstance(known, LostRow) or known.reason != row.reason or row.reason == ABSENT:
                break
            row = replace(known, length_s=known.length_s + row.length_s, times=known.times + 1)
            return (*history[:index], row, *history[index + 1 :])
    return (*history, row)[-HISTORY_LIMIT:]
