"""A reading begun before an utterance is over, within its hangover: thrown away should speech go on.

Pure: no clock, no I/O. Of each stream at most one is on its way or kept, and begun = used + discarded + that one.
"""

import math
from dataclasses import dataclass, field

from core.model import Reading
from core.sound.utterance import Utterance
from core.worker.queue import Job

MOST_BUSY = 0.25
"""Share of the time that the model may have been at work lately for anything to be read early. One who talks without
end takes 5 to 10 % of two cores; with eight of them, more than half of what is begun early is thrown away and others
wait for it, so that the sooner readings of some are paid for by later ones of others."""
BUSY_TAU_S = 5.0
"""How long "lately" is: time constant of a moving average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyReading:
    """A reading, and when the model was given the sound (monotonic, in seconds)."""

    reading: Reading
    started_s: float
    took_s: float


@dataclass(slots=True)
class EagerReading:
    """Of one stream: the utterance that is foreseen, and its reading.

    Attributes:
        begun: Readings begun early.
        used: Those that became the reading of their utterance.
        discarded: Those thrown away: speech went on, the utterance was dropped, or the model changed.
        discarded_s: What they took.
    """

    begun: int = 0
    used: int = 0
    discarded: int = 0
    discarded_s: float = 0.0
    _job: Job | None = field(default=None, init=False)
    _is_over: bool = field(default=False, init=False)
    _is_begun: bool = field(default=False, init=False)
    _early: EarlyReading | None = field(default=None, init=False)

    @property
    def offer(self) -> Job | None:
        """What may be read early, if it is not being read already."""
        return None if self._is_begun or self._is_over else self._job

    def foresee(self, job: Job | None) -> None:
        """The running utterance as it will be, as far as is known; what was read of another is thrown away."""
        if self._is_over:
            return  # it came, and waits for its turn
        if job is None or self._job is None or job.utterance is not self._job.utterance:
            self.forget()
            self._job = job

    def end(self, utterance: Utterance) -> None:
        """An utterance is over: what was foreseen has come, or has not."""
        if self._is_over:
            return  # one before it waits for its turn
        if self._foresaw(utterance):
            self._is_over = True
        else:
            self.forget()

    def begin(self) -> None:
        """The offer is given to the model."""
        self.begun += 1
        self._is_begun = True

    def finish(self, job: Job, early: EarlyReading | None) -> None:
        """The model has read what it was given, or was not let."""
        if job is self._job and early is not None and _is_about_the_sound(early.reading):
            self._early = early
            return
        self._discard(early)
        if job is self._job:
            self._is_begun = False  # once more, if there is time

    def claim(self, utterance: Utterance) -> EarlyReading | None:
        """The reading of an utterance that is over, if there is one already; it is used."""
        if not self._foresaw(utterance):
            return None
        early, self._early = self._early, None
        self.used += early is not None
        self.forget()
        return early

    def drop(self, utterance: Utterance) -> None:
        """An utterance that is over will not be read."""
        if self._foresaw(utterance):
            self.forget()

    def forget(self) -> None:
        """Nothing is foreseen; what is kept is thrown away, and what is still being read will be."""
        if self._early is not None:
            self._discard(self._early)
        self._job, self._early = None, None
        self._is_over = self._is_begun = False

    def _foresaw(self, utterance: Utterance) -> bool:
        known = self._job.utterance if self._job else None
        return known is not None and (known.number, known.end) == (utterance.number, utterance.end)

    def _discard(self, early: EarlyReading | None) -> None:
        self.discarded += 1
        self.discarded_s += early.took_s if early else 0.0


@dataclass(slots=True)
class BusyShare:
    """Share of the time that the model was at work lately: a moving average over `BUSY_TAU_S`."""

    _share: float = field(default=0.0, init=False)
    _at_s: float = field(default=0.0, init=False)

    def note(self, began_s: float, ended_s: float) -> None:
        """It was at work from then to then, monotonic time."""
        idle = 1 - self.at(began_s)
        self._share, self._at_s = 1 - idle * math.exp((began_s - ended_s) / BUSY_TAU_S), ended_s

    def at(self, now_s: float) -> float:
        """The share, if it has not been at work since."""
        return self._share * math.exp(min(self._at_s - now_s, 0.0) / BUSY_TAU_S)


def _is_about_the_sound(reading: Reading) -> bool:
    """Whether the model has read it, or failed on it: else it was not there, and may be when its turn comes."""
    return reading.model is not None or reading.failed
