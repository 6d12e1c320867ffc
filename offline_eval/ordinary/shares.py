"""How much of some speech is heard as what, and how surely."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.distribution import EMOTIONS
from offline_eval.ordinary.listen import Said

LENGTHS_S: Mapping[str, tuple[float, float]] = {
    "under 3 s": (0.0, 3.0),
    "3 to 6 s": (3.0, 6.0),
    "6 s and more": (6.0, float("inf")),
}
SURE = 0.8
"""A dominant emotion above this is a sure reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """Of some utterances, each counting as long as it lasts; all shares are of the time that has a reading.

    Attributes:
        utterances: How many there are.
        seconds: How long they last together.
        refused: Share of all their time that has no reading.
        dominant: Share of the time, by the emotion that is dominant.
        sure: The same where that is above SURE.
        mean: Mean probability of each emotion.
        entropy: Mean entropy of the readings, in nats divided by that of four alike: 0 to 1.
    """

    utterances: int
    seconds: float
    refused: float
    dominant: Mapping[str, float]
    sure: Mapping[str, float]
    mean: Mapping[str, float]
    entropy: float

    @property
    def loud(self) -> float:
        """Share of the time in which an emotion other than neutral is dominant."""
        return sum(share for emotion, share in self.dominant.items() if emotion != "neutral")

    @property
    def surely_loud(self) -> float:
        """The same where it is sure."""
        return sum(share for emotion, share in self.sure.items() if emotion != "neutral")


def shares_of(speech: Sequence[Said]) -> Shares:
    """Of utterances, of which there may be none."""
    read = [(said.reading.distribution, said.duration_s) for said in speech if said.reading.distribution is not None]
    seconds, read_s = sum(said.duration_s for said in speech), sum(duration_s for _, duration_s in read)

    def share(durations_s: Iterable[float]) -> float:
        return sum(durations_s) / read_s if read_s else 0.0

    return Shares(
        utterances=len(speech),
        seconds=seconds,
        refused=1 - read_s / seconds if seconds else 0.0,
        dominant={name: share(s for read_as, s in read if read_as.dominant == name) for name in EMOTIONS},
        sure={
            name: share(s for read_as, s in read if read_as.dominant == name and max(read_as) > SURE)
            for name in EMOTIONS
        },
        mean={name: share(getattr(read_as, name) * s for read_as, s in read) for name in EMOTIONS},
        entropy=share(read_as.entropy * s for read_as, s in read),
    )


def heard_beside(speech: Sequence[Said]) -> list[Said]:
    """The same with what was heard beside the readings in their place."""
    return [replace(said, reading=replace(said.reading, distribution=said.beside)) for said in speech]


def by_length(speech: Sequence[Said]) -> dict[str, Shares]:
    """All utterances, and those of each length."""
    parts = {"all": list(speech)}
    for name, (low, high) in LENGTHS_S.items():
        parts[name] = [said for said in speech if low <= said.duration_s < high]
    return {name: shares_of(part) for name, part in parts.items()}
