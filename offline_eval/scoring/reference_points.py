"""What needs no model: constant readings, and people against each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from core.distribution import EMOTIONS
from offline_eval.labels.clips import Clip, targets_of
from offline_eval.labels.rated import RatedUtterance, humans_of
from offline_eval.scoring.evaluation import SystemOutput
from offline_eval.scoring.metrics.divergence import kl_divergence
from offline_eval.scoring.metrics.overlap import bhattacharyya_coefficient
from offline_eval.scoring.metrics.sample import Values
from offline_eval.scoring.resampling import DRAWS, ClusterBootstrap, Estimate

UNIFORM = "uniform"
VOTE_PRIOR = "vote prior"
PIECE_COUNT = "piece count"
MAJORITY = "majority emotion"

PIECES = (2, 3, 2, 3)
"""Ang|er, H|app|iness, Sad|ness, Ne|ut|ral: summed over pieces, equal logits already make a distribution."""

SMOOTHING = 0.05
"""Added to each emotion of the other raters, who may all have heard something else."""

_LEAST_RATERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOneOut:
    """Each rater against the other raters of the same utterance; a mean over all such raters.

    Attributes:
        n_utterances: With two raters or more; others are left out.
        n_raters: Of these, counted in each utterance.
        agreement: Share of the other raters' votes for what the rater heard.
        kl: KL(rater || others), nats, the others smoothed by .05.
        bd_log_mean: -ln of the mean Bhattacharyya coefficient.
        bd_mean_log: Mean -ln of the coefficient, the others smoothed by .05.
    """

    n_utterances: int
    n_raters: int
    agreement: Estimate
    kl: Estimate
    bd_log_mean: Estimate
    bd_mean_log: Estimate


def constant_outputs(rated: Sequence[RatedUtterance]) -> tuple[SystemOutput, ...]:
    """The same reading for all: uniform, the mean of what people heard, the word pieces' counts, one emotion alone.

    The mean and the most heard emotion are those of these very utterances, so they are as good as a constant can be.
    """
    human = humans_of(rated)
    prior = human.mean(0)
    certain = np.eye(len(EMOTIONS))[prior.argmax()]
    constants = {UNIFORM: np.ones(len(EMOTIONS)), VOTE_PRIOR: prior, PIECE_COUNT: np.array(PIECES), MAJORITY: certain}
    return tuple(
        SystemOutput(name, np.tile(weights / weights.sum(), (len(rated), 1))) for name, weights in constants.items()
    )


def uniform(clips: Sequence[Clip]) -> Values:
    """[N, 4] of one quarter each."""
    return np.full((len(clips), len(EMOTIONS)), 1 / len(EMOTIONS))


def class_prior(train: Iterable[Clip], clips: Sequence[Clip]) -> Values:
    """[N, 4] for `clips`: how often each emotion occurs among the training clips of the same corpus.

    A corpus without training clips gets the frequencies of all training clips. One count is added to each class.
    """
    train = list(train)
    whole = _frequencies(train)
    by_corpus = {name: _frequencies([c for c in train if c.corpus == name]) for name in {clip.corpus for clip in train}}
    return np.stack([by_corpus.get(clip.corpus, whole) for clip in clips])


def leave_one_out(rated: Sequence[RatedUtterance], *, draws: int = DRAWS, seed: int = 0) -> LeaveOneOut | None:
    """People as a system; None where no utterance has two raters."""
    apart = sorted(((one.cluster, one.utterance.utterance_id, *_apart(one)) for one in rated), key=lambda row: row[:2])
    kept = [(cluster, own, others) for cluster, _, own, others in apart if len(own)]
    if not kept:
        return None
    own, others = (np.concatenate([row[at] for row in kept]) for at in (1, 2))
    clusters = np.repeat([cluster for cluster, _, _ in kept], [len(rows) for _, rows, _ in kept])
    smoothed = (others + SMOOTHING) / (1 + SMOOTHING * own.shape[1])
    terms = np.column_stack(
        [
            np.ones(len(own)),
            (own * others).sum(1),
            kl_divergence(own, others, epsilon=SMOOTHING),
            bhattacharyya_coefficient(own, others),
            -np.log(bhattacharyya_coefficient(own, smoothed)),
        ]
    )
    bootstrap = ClusterBootstrap(clusters, draws=draws, seed=seed)
    sums = bootstrap.sums(terms, bootstrap.cluster)
    agreement, kl, bc, distance = (sums[:, 1:] / sums[:, :1]).T
    with np.errstate(divide="ignore"):
        log_mean = np.maximum(-np.log(bc), 0)
    found = {"agreement": agreement, "kl": kl, "bd_log_mean": log_mean, "bd_mean_log": distance}
    return LeaveOneOut(
        n_utterances=len(kept),
        n_raters=len(own),
        **{name: bootstrap.estimate(drawn) for name, drawn in found.items()},
    )


def _apart(one: RatedUtterance) -> tuple[Values, Values]:
    """[raters, classes] what each rater heard, and what the others did; empty for a single rater."""
    votes = np.array(one.votes, dtype=np.float64).reshape(-1, len(EMOTIONS))
    votes = votes[votes.sum(1) > 0]
    if len(votes) < _LEAST_RATERS:
        return votes[:0], votes[:0]
    others = votes.sum(0) - votes
    return votes / votes.sum(1, keepdims=True), others / others.sum(1, keepdims=True)


def _frequencies(clips: Sequence[Clip]) -> Values:
    counts = targets_of(clips).sum(0) + 1
    frequencies: Values = counts / counts.sum()
    return frequencies
