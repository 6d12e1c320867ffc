"""Whether a model is torn where people disagree, and between the same emotions."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from offline_eval.scoring.metrics.divergence import entropy
from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.sample import NO_LABEL, Sample, Values
from offline_eval.scoring.metrics.sums import ratio, spread

MEASURES = (
    Measure("any_annotator_accuracy", "accuracy: likeliest is what any annotator heard", "higher"),
    Measure("top2_accuracy", "label among the two likeliest", "higher"),
    Measure("top2_set_accuracy", "two likeliest are the voters' two", "higher"),
    Measure("minority_recall", "recall of emotions a minority heard", "higher"),
    Measure("entropy", "entropy of the model, nats", None),
    Measure("entropy_pearson", "Pearson r of entropies", "higher"),
)

_PAIR = 2


def minority(human: Values) -> NDArray[np.bool_]:
    """[N, classes] which emotions some raters heard, but not the most."""
    heard: NDArray[np.bool_] = (human > 0) & (human < human.max(1, keepdims=True))
    return heard


def any_annotator_chance(human: Values) -> float:
    """Expected share of utterances of which an emotion drawn without looking was heard by anyone; NaN without any."""
    return float((human > 0).mean(1).mean()) if len(human) else float("nan")


def minority_chance(human: Values) -> float:
    """Expected recall of minority emotions if the model's ranking is drawn without looking; NaN without any."""
    missed = minority(human).sum(1)
    number = (human > 0).sum(1) / human.shape[1]
    return float((missed * number).sum() / missed.sum()) if missed.any() else float("nan")


def among_likeliest(model: Values, number: NDArray[np.intp]) -> Values:
    """[N, classes] whether each class is among the [N] likeliest; equal ones share the places that are left."""
    above = (model[:, None, :] > model[:, :, None]).sum(2)
    equal = (model[:, None, :] == model[:, :, None]).sum(2)
    share: Values = np.clip((number[:, None] - above) / equal, 0, 1)
    return share


def terms(sample: Sample) -> Values:
    """[N, 13]: see `values`."""
    human, model = sample.human, sample.model
    row, two = np.arange(len(sample)), np.full(len(sample), _PAIR)
    lesser = minority(human)
    recalled = np.where(lesser, among_likeliest(model, (human > 0).sum(1)), 0)
    people, machine = entropy(human), entropy(model)
    labelled = sample.label != NO_LABEL
    # Two emotions stand out from the others where neither shares its place with a third.
    heard, read = among_likeliest(human, two), among_likeliest(model, two)
    paired = (heard == 1).sum(1) == _PAIR
    return np.column_stack(
        [
            np.ones(len(sample)),
            *(people, machine, people**2, machine**2, people * machine),
            *(labelled, np.where(labelled, read[row, sample.label], 0)),
            *(paired, paired & (heard == read).all(1)),
            *(lesser.sum(1), recalled.sum(1)),
            human[row, model.argmax(1)] > 0,
        ]
    )


def values(sums: Values, classes: Sequence[str]) -> dict[str, Values]:  # noqa: ARG001 - as every topic's
    """The measures of sums of terms.

    `any_annotator_accuracy` asks whether the likeliest emotion was heard by at least one annotator, of every utterance,
    those without a hard label included; of equal probabilities the first class counts. `top2_accuracy` asks for the
    label among the two likeliest; `top2_set_accuracy` for just the two emotions that have more votes than any other,
    where there are two; `minority_recall` for the emotions that some raters heard but not the most, among as many of
    the likeliest as emotions were heard.
    """
    count, people, machine, people2, machine2, product = (sums[..., at] for at in range(6))
    covariance = product - ratio(people * machine, count)
    deviations = np.sqrt(spread(people2, people, count) * spread(machine2, machine, count))
    return {
        "entropy": ratio(machine, count),
        "entropy_pearson": np.clip(ratio(covariance, deviations), -1, 1),
        "any_annotator_accuracy": ratio(sums[..., 12], count),
        "top2_accuracy": ratio(sums[..., 7], sums[..., 6]),
        "top2_set_accuracy": ratio(sums[..., 9], sums[..., 8]),
        "minority_recall": ratio(sums[..., 11], sums[..., 10]),
    }
