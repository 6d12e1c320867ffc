"""How sure a score is: a bootstrap over speakers, because clips of one speaker are alike.

Within each corpus the speakers, not the clips, are drawn with replacement. Two systems are compared on the same
draws, so what makes a draw of speakers easy or hard for both cancels out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offline_eval.labels.clips import Clip
from offline_eval.scoring.resampling import draw_counts
from offline_eval.scoring.scores import OVERALL, Values, measures, summands, targets_of

DRAWS = 2_000
_TAILS = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Interval:
    """The middle 95 % of the draws."""

    low: float
    high: float


Intervals = dict[str, dict[str, Interval | None]]
"""Corpus, or "all", to measure to interval; None where a corpus has one speaker, which leaves nothing to draw."""


class SpeakerBootstrap:
    """The same draws of speakers for every system on these clips.

    Args:
        clips: The scored clips.
        draws: How many times each corpus's speakers are drawn.
        seed: Of the draws. A corpus gets the same draws whatever other corpora there are.

    Attributes:
        speakers: Corpus to its number of speakers.
    """

    def __init__(self, clips: Sequence[Clip], *, draws: int = DRAWS, seed: int = 0) -> None:
        # Sorted, so that sums are added up in the same order whatever the order of the clips.
        self._order = sorted(range(len(clips)), key=lambda i: (clips[i].corpus, clips[i].speaker, clips[i].clip_id))
        ordered = [clips[i] for i in self._order]
        self._targets = targets_of(ordered)
        pairs = [(clip.corpus, clip.speaker) for clip in ordered]
        self._first_rows = [row for row, pair in enumerate(pairs) if row == 0 or pair != pairs[row - 1]]
        corpora = [pairs[row][0] for row in self._first_rows]
        self.speakers = {corpus: corpora.count(corpus) for corpus in sorted(set(corpora))}
        self._counts = {
            corpus: draw_counts(number, draws, [seed, *corpus.encode()]) for corpus, number in self.speakers.items()
        }
        self._drawable = {corpus: number > 1 for corpus, number in self.speakers.items()}
        self._drawable[OVERALL] = all(self._drawable.values())

    def intervals(self, probabilities: Values) -> Intervals:
        """The interval of each measure of predicted [N, 4], in the order of the clips."""
        return self._between_tails(self._drawn(probabilities))

    def differences(self, first: Values, second: Values) -> Intervals:
        """The interval of each measure of `first` minus that of `second`, paired draw by draw."""
        drawn, others = self._drawn(first), self._drawn(second)
        return self._between_tails(
            {group: {name: v - others[group][name] for name, v in by_name.items()} for group, by_name in drawn.items()}
        )

    def _drawn(self, probabilities: Values) -> dict[str, dict[str, Values]]:
        """Corpus, or "all", to measure to its value in each draw, [draws]."""
        by_speaker = np.add.reduceat(summands(probabilities[self._order], self._targets), self._first_rows, axis=0)
        sums, start = {}, 0
        for corpus, counts in self._counts.items():
            sums[corpus] = counts @ by_speaker[start : start + counts.shape[1]]
            start += counts.shape[1]
        sums[OVERALL] = np.sum(list(sums.values()), axis=0)
        return {group: measures(drawn) for group, drawn in sums.items()}

    def _between_tails(self, drawn: dict[str, dict[str, Values]]) -> Intervals:
        return {
            group: {
                name: Interval(*np.percentile(values, _TAILS).tolist()) if self._drawable[group] else None
                for name, values in by_name.items()
            }
            for group, by_name in drawn.items()
        }
