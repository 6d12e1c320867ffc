"""What the members of an ensemble say together, and how far they are apart.

The reading of an ensemble is the normalised mean of its members' log-probabilities: their geometric mean (a logarithmic
opinion pool), in which a bias that adds to a member's logits, as that of a word's place does, cancels out over a Latin
square of places.

`spread` is the generalised Jensen-Shannon divergence of the members p_1 .. p_n with equal weights, over ln 4:

    spread = (H(mean of the p_i) - mean of H(p_i)) / ln 4

It has the unit of `EmotionDistribution.entropy`, of which it is a part: asked in a way drawn at random, the model is as
unsure as its ways of asking are on average, plus this much because they differ. It is the mutual information between
the way of asking and the emotion. 0: all members say the same; 1: four of them are each certain of another emotion.
Zeros do no harm, and neither the order of the members nor a repetition of all of them changes it.
"""

from collections.abc import Sequence

import numpy as np

from core.distribution import EmotionDistribution
from core.ltu_as.calibration import log_of
from core.ltu_as.readout import Kind, Pool, Scope, readout
from core.ltu_as.steps import StepLogits


def pooled(members: Sequence[EmotionDistribution]) -> EmotionDistribution:
    """The normalised mean of the log-probabilities of at least one member; less than 1e-10 counts as that much."""
    if len(members) == 1:
        return members[0]
    return EmotionDistribution.from_log_weights(log_of([tuple(one) for one in members]).mean(axis=0).tolist())


def spread(members: Sequence[EmotionDistribution]) -> float:
    """How far at least one member are apart, from 0 to 1; see above."""
    mean = np.mean([tuple(one) for one in members], axis=0)
    together = EmotionDistribution.from_weights(mean.tolist()).entropy
    return float(np.clip(together - np.mean([one.entropy for one in members]), 0.0, 1.0))


def read_members(
    members: Sequence[StepLogits], *, kind: Kind, pool: Pool, scope: Scope
) -> tuple[EmotionDistribution, float | None]:
    """The reading of all members, and their spread; None where there is one.

    Raises:
        InvalidReading: A member has no valid distribution: those that are left would not cancel each other's bias.
        UsageError: The options do not fit each other.
    """
    read = [readout(steps, kind=kind, pool=pool, scope=scope) for steps in members]
    return pooled(read), spread(read) if len(read) > 1 else None
