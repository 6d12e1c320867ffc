"""Whether a probability of .7 is right seven times out of ten."""

from collections.abc import Sequence

import numpy as np

from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.sample import NO_LABEL, Sample, Values
from offline_eval.scoring.metrics.sums import BINS, bin_of, ratio

MEASURES = (
    Measure("ece", "expected calibration error, 15 bins", "lower"),
    Measure("soft_ece", "|confidence - share of votes|", "lower"),
)


def soft_gap(human: Values, model: Values) -> Values:
    """[N] |top probability - share of the votes for that class|."""
    row, top = np.arange(len(model)), model.argmax(1)
    gap: Values = np.abs(model[row, top] - human[row, top])
    return gap


def reliability(sample: Sample, weights: Values | None = None) -> Values:
    """[BINS, 3]: labelled utterances, sum of top probabilities and hits, by the top probability's bin.

    Args:
        sample: N utterances.
        weights: [N] of the utterances; all alike by default.
    """
    binned = _binned(sample)
    diagram: Values = binned.sum(0) if weights is None else np.tensordot(weights, binned, axes=1)
    return diagram


def expected_error(diagram: Values) -> Values:
    """[...] expected calibration error of Guo et al. 2017, of diagrams [..., BINS, 3] as `reliability` gives them.

    The gap between top probability and accuracy in each bin, weighted by the utterances in it.
    """
    inside, confidence, hits = np.moveaxis(diagram, -1, 0)
    return ratio(np.abs(confidence - hits).sum(-1), inside.sum(-1))


def terms(sample: Sample) -> Values:
    """[N, 2 + 3 BINS]: one, the soft gap; by bin one, top probability and hit of an utterance with a label."""
    gap = soft_gap(sample.human, sample.model)
    return np.column_stack([np.ones(len(sample)), gap, _binned(sample).reshape(len(sample), 3 * BINS)])


def values(sums: Values, classes: Sequence[str]) -> dict[str, Values]:  # noqa: ARG001 - as every topic's
    """The measures of sums of terms."""
    return {
        "ece": expected_error(sums[..., 2:].reshape(*sums.shape[:-1], BINS, 3)),
        "soft_ece": ratio(sums[..., 1], sums[..., 0]),
    }


def _binned(sample: Sample) -> Values:
    """[N, BINS, 3]."""
    top, likeliest = sample.model.max(1), sample.model.argmax(1)
    labelled = np.flatnonzero(sample.label != NO_LABEL)
    hit = (sample.label == likeliest).astype(np.float64)
    cells = np.zeros((len(sample), BINS, 3))
    cells[labelled, bin_of(top)[labelled]] = np.column_stack([np.ones(len(sample)), top, hit])[labelled]
    return cells
