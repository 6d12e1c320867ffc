"""Systems side by side on the same clips: scores, how sure they are, and how far the first is ahead of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import UsageError
from offline_eval.comparison.predictions import Predictions
from offline_eval.labels.clips import Clip
from offline_eval.scoring.bootstrap import DRAWS, Intervals, SpeakerBootstrap
from offline_eval.scoring.scores import Score, per_corpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a comparison found; every mapping goes from system to corpus (or "all") and on.

    Attributes:
        scores: System to corpus to score; the first system is the one that is judged.
        intervals: 95 % intervals of the scores.
        differences: 95 % intervals of the first system's score minus that of each other system, paired by draw.
        speakers: Corpus to its number of speakers.
        draws: Of the bootstrap.
        seed: The same.
    """

    scores: Mapping[str, Mapping[str, Score]]
    intervals: Mapping[str, Intervals]
    differences: Mapping[str, Intervals]
    speakers: Mapping[str, int]
    draws: int
    seed: int

    @property
    def first(self) -> str:
        """The system that is judged."""
        return next(iter(self.scores))

    @property
    def corpora(self) -> list[str]:
        """The corpora, then "all"."""
        return list(self.scores[self.first])

    def difference(self, other: str, corpus: str, measure: str) -> float:
        """The first system's score minus the other's."""
        first, second = (getattr(self.scores[system][corpus], measure) for system in (self.first, other))
        return float(first - second)


def compare(
    clips: Sequence[Clip], predictions: Sequence[Predictions], *, draws: int = DRAWS, seed: int = 0
) -> Comparison:
    """Scores predictions for the same clips, the first against each other one.

    Raises:
        UsageError: No predictions, or two systems of one name.
    """
    names = [made.system for made in predictions]
    if not names or len(set(names)) < len(names):
        msg = f"two systems have the same name: {', '.join(names)}" if names else "there is no system to compare"
        raise UsageError(msg)
    bootstrap = SpeakerBootstrap(clips, draws=draws, seed=seed)
    first, *others = predictions
    return Comparison(
        scores={made.system: per_corpus(clips, made.probabilities) for made in predictions},
        intervals={made.system: bootstrap.intervals(made.probabilities) for made in predictions},
        differences={made.system: bootstrap.differences(first.probabilities, made.probabilities) for made in others},
        speakers=bootstrap.speakers,
        draws=draws,
        seed=seed,
    )
