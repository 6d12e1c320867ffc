"""When microphones have something to be read. Seeded, no clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from core.settings import SegmenterSettings

CUT = SegmenterSettings()


@dataclass(frozen=True, slots=True)
class Heard:
    """Something to be read, at the moment it is handed on.

    `microphone` is a number from 0; interim versions of an utterance are not `final`.
    """

    at_s: float
    microphone: int
    sound_s: float
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """How one microphone is spoken to: utterances (gamma distributed) and silences between them (exponential).

    The shipped reading has 5.0 s for `length_s` with a coefficient of variation of 0.5; 40 minutes of LibriSpeech have
    7.7 s, because much of it is cut at `longest_s`. `silence_s` is an assumption: as long as the speech. Somebody who
    reads aloud without a break has 0.5 s: 0.18 utterances a second, as in the day of docs/soak.md.
    """

    length_s: float = 5.0
    length_variation: float = 0.5
    silence_s: float = 5.0
    shortest_s: float = CUT.min_utterance_s
    longest_s: float = CUT.max_utterance_s
    interim_every_s: float = CUT.interim_every_s
    """0: no interim versions."""

    @property
    def per_s(self) -> float:
        """Utterances a second, as `lengths_s` of many draws have it."""
        return 1.0 / (self.mean_length_s + self.silence_s)

    @property
    def mean_length_s(self) -> float:
        """Of utterances, once too long ones are cut and too short ones lengthened."""
        return float(np.mean(self.lengths_s(np.random.default_rng(0), 100_000)))

    @property
    def interims(self) -> float:
        """Interim versions for each utterance, on average."""
        return float(np.mean(self._interims(self.lengths_s(np.random.default_rng(0), 100_000))))

    @property
    def mean_interim_s(self) -> float:
        """Sound of an interim version, on average."""
        numbers = self._interims(self.lengths_s(np.random.default_rng(0), 100_000))
        all_of_them = np.sum(numbers)
        return float(self.interim_every_s * np.sum(numbers * (numbers + 1) / 2) / all_of_them) if all_of_them else 0.0

    def lengths_s(self, chance: np.random.Generator, number: int) -> NDArray[np.float64]:
        """Lengths of utterances, float64 [number]."""
        shape = self.length_variation**-2
        return np.clip(chance.gamma(shape, self.length_s / shape, number), self.shortest_s, self.longest_s)

    def _interims(self, lengths_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """How many versions come before the last one; one that would coincide with it does not come."""
        if not self.interim_every_s:
            return np.zeros(len(lengths_s))
        return np.ceil(lengths_s / self.interim_every_s).clip(1) - 1

    def heard(self, chance: np.random.Generator, *, microphones: int, seconds: float) -> list[Heard]:
        """All that is to be read within `seconds`, in the order of time; each microphone begins at another point."""
        everything = [one for number in range(microphones) for one in self._of(chance, number, seconds)]
        return sorted(everything, key=lambda one: one.at_s)

    def _of(self, chance: np.random.Generator, microphone: int, seconds: float) -> Iterator[Heard]:
        cycle_s = self.length_s + self.silence_s
        number = int(2 * seconds / cycle_s) + 20
        lengths_s = self.lengths_s(chance, number)
        ends_s = np.cumsum(chance.exponential(self.silence_s, number) + lengths_s) - chance.uniform(0, 4 * cycle_s)
        every = self.interim_every_s
        for end_s, length_s in zip(ends_s.tolist(), lengths_s.tolist(), strict=True):
            if every:
                sounds = takewhile(lambda sound_s: sound_s < length_s, (every * n for n in range(1, 1_000)))  # noqa: B023
                for sound_s in sounds:
                    if 0 <= (at_s := end_s - length_s + sound_s) < seconds:
                        yield Heard(at_s, microphone, sound_s, final=False)
            if 0 <= end_s < seconds:
                yield Heard(end_s, microphone, length_s)


def poisson(chance: np.random.Generator, *, per_s: float, number: int) -> list[Heard]:
    """So many utterances at times that know nothing of each other, each of another microphone: for theory."""
    times_s = np.cumsum(chance.exponential(1.0 / per_s, number))
    return [Heard(at_s, microphone, 1.0) for microphone, at_s in enumerate(times_s.tolist())]
