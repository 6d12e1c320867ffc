"""Divergences from what people heard: Kullback-Leibler, its skill over the vote prior, and Jensen-Shannon."""

import math
from collections.abc import Sequence

import numpy as np

from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.sample import Sample, Values
from offline_eval.scoring.metrics.sums import ratio, smoothed

MEASURES = (
    Measure("kl", "KL(human || model), nats, eps 1e-10", "lower", headline=True),
    Measure("kl_1e-3", "KL, nats, eps 1e-3", "lower"),
    Measure("kl_smoothed", "KL, nats, eps 1e-2", "lower", headline=True),
    Measure("skill", "1 - KL / KL of the vote prior, eps 1e-10", "higher"),
    Measure("skill_smoothed", "1 - KL / KL of the vote prior, eps 1e-2", "higher"),
    Measure("js", "Jensen-Shannon, nats", "lower", headline=True),
    Measure("js_bits", "Jensen-Shannon, bits", "lower"),
)

EPSILONS = {"kl": 1e-10, "kl_1e-3": 1e-3, "kl_smoothed": 1e-2}
"""What is added to each class of the model; a zero that people voted for costs -ln of it."""

_SKILLS = {"skill": "kl", "skill_smoothed": "kl_smoothed"}


def kl_divergence(human: Values, model: Values, *, epsilon: float = 1e-10) -> Values:
    """[N] KL(human || model) in nats, of [N, classes]; epsilon is added to the model, which is then normalised."""
    from scipy.special import rel_entr

    divergence: Values = rel_entr(human, smoothed(model, epsilon)).sum(1)
    return divergence


def js_divergence(human: Values, model: Values) -> Values:
    """[N] Jensen-Shannon divergence in nats: 0 for equal distributions, ln 2 for disjoint ones."""
    from scipy.special import rel_entr

    middle = (human + model) / 2
    divergence: Values = np.maximum((rel_entr(human, middle) + rel_entr(model, middle)).sum(1) / 2, 0)
    return divergence


def entropy(distributions: Values) -> Values:
    """[N] entropy in nats; distributions of the same shares in another order come out equal."""
    from scipy.special import entr

    nats: Values = np.round(entr(distributions).sum(1), 12) + 0.0
    return nats


def terms(sample: Sample) -> Values:
    """[N, 6 + classes]: one, the KLs, JS, the humans' entropy and shares."""
    divergences = [kl_divergence(sample.human, sample.model, epsilon=epsilon) for epsilon in EPSILONS.values()]
    js = js_divergence(sample.human, sample.model)
    return np.column_stack([np.ones(len(sample)), *divergences, js, entropy(sample.human), sample.human])


def values(sums: Values, classes: Sequence[str]) -> dict[str, Values]:
    """The measures of sums of terms."""
    count, human = sums[..., 0], sums[..., -len(classes) :]
    found = {name: ratio(sums[..., 1 + at], count) for at, name in enumerate(EPSILONS)}
    found["js"] = ratio(sums[..., 4], count)
    found["js_bits"] = found["js"] / math.log(2)
    prior = ratio(human, count[..., None])
    for skill, name in _SKILLS.items():
        # The prior is the same for all utterances, so its mean KL needs only the mean of what people heard.
        cross_entropy = -(prior * np.log(smoothed(prior, EPSILONS[name]))).sum(-1)
        of_prior = cross_entropy - ratio(sums[..., 5], count)
        found[skill] = 1 - ratio(found[name], np.where(of_prior > EPSILONS["kl"], of_prior, 0))
    return found
