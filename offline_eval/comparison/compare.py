"""Systems side by side on the same clips: scores, how sure they are, and how far the first is ahead of the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import UsageError
from offline_eval.comparison.predictions import Predictions
from offline_eval.labels.clips import Clip
from offline_eval.scoring.metrics.sample import Sample
from offline_eval.scoring.reference_points import uniform
from offline_eval.scoring.resampling import DRAWS, ClusterBootstrap, Estimate
from offline_eval.scoring.scores import MEASURES, OVERALL, corpora_of
from offline_eval.scoring.trial import Trial

Estimates = Mapping[str, Mapping[str, Estimate]]
"""Corpus, or "all", to what `scores.MEASURES` calls a measure to its estimate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a comparison found.

    Attributes:
        first: The system that is judged.
        scores: System to its scores; the first system comes first.
        differences: Each other system to the first system's scores minus its own, paired by draw.
        clips: Corpus, and "all" in the end, to its number of clips.
        speakers: Corpus to its number of speakers.
        draws: Of the bootstrap.
        seed: The same.
    """

    first: str
    scores: Mapping[str, Estimates]
    differences: Mapping[str, Estimates]
    clips: Mapping[str, int]
    speakers: Mapping[str, int]
    draws: int
    seed: int


def compare(
    clips: Sequence[Clip], predictions: Sequence[Predictions], *, draws: int = DRAWS, seed: int = 0
) -> Comparison:
    """Scores predictions for the same clips, the first against each other one.

    Clips of one speaker are alike, so whole speakers are drawn, within each corpus.

    Raises:
        UsageError: No predictions, or two systems of one name.
    """
    names = [made.system for made in predictions]
    if not names or len(set(names)) < len(names):
        msg = f"two systems have the same name: {', '.join(names)}" if names else "there is no system to compare"
        raise UsageError(msg)
    # Sorted, so that sums are added up in the same order whatever the order of the clips.
    order = sorted(range(len(clips)), key=lambda i: (clips[i].corpus, clips[i].speaker, clips[i].clip_id))
    clips = [clips[i] for i in order]
    sample = Sample.of_clips(clips, uniform(clips))
    corpora, speakers = (np.array([getattr(clip, name) for clip in clips]) for name in ("corpus", "speaker"))
    parts = {
        name: (rows, ClusterBootstrap(speakers[rows], strata=corpora[rows], draws=draws, seed=seed))
        for name, rows in corpora_of(clips).items()
    }
    trials = {}
    for made in predictions:
        whole = Trial(made.system, sample.read_as(made.probabilities[order]), parts[OVERALL][1], MEASURES.values())
        trials[made.system] = {name: whole.part(*part) for name, part in parts.items()}
    first, *others = names
    return Comparison(
        first=first,
        scores={
            system: {name: _named(trial.estimates()) for name, trial in by_part.items()}
            for system, by_part in trials.items()
        },
        differences={
            other: {name: _apart(trials[first][name], trials[other][name]) for name in parts} for other in others
        },
        clips={name: int(rows.sum()) for name, (rows, _) in parts.items()},
        speakers=parts[OVERALL][1].sizes,
        draws=draws,
        seed=seed,
    )


def _apart(first: Trial, other: Trial) -> dict[str, Estimate]:
    return _named({one.measure: one.estimate for one in first.minus(other, MEASURES.values())})


def _named(estimates: Mapping[str, Estimate]) -> dict[str, Estimate]:
    return {name: estimates[measure] for name, measure in MEASURES.items()}
