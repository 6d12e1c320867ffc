"""The likeliest class against the hard label, for utterances that have one."""

from collections.abc import Sequence

import numpy as np

from offline_eval.scoring.metrics.sample import NO_LABEL, Sample, Values
from offline_eval.scoring.metrics.sums import ratio


def confusion(sample: Sample) -> Values:
    """[classes, classes] utterances by label (rows) and likeliest class; of equal probabilities the first class."""
    number = sample.human.shape[1]
    table: Values = terms(sample).sum(0).reshape(number, number)
    return table


def terms(sample: Sample) -> Values:
    """[N, classes^2]: each utterance's cell of the confusion matrix."""
    number = sample.human.shape[1]
    cells = np.zeros((len(sample), number**2))
    labelled = np.flatnonzero(sample.label != NO_LABEL)
    cells[labelled, sample.label[labelled] * number + sample.model[labelled].argmax(1)] = 1
    return cells


def values(sums: Values, classes: Sequence[str]) -> dict[str, Values]:
    """The measures of sums of terms; F1 is 0 for a class that is neither labelled nor read."""
    table = sums.reshape(*sums.shape[:-1], len(classes), len(classes))
    hits, labelled, read = np.diagonal(table, axis1=-2, axis2=-1), table.sum(-1), table.sum(-2)
    count = labelled.sum(-1)
    f1 = ratio(2 * hits, labelled + read)
    occurring = np.nansum(f1, axis=-1)
    return {
        "accuracy": ratio(hits.sum(-1), count),
        "macro_f1": np.where(count > 0, occurring / len(classes), np.nan),
        "macro_f1_union": ratio(occurring, np.isfinite(f1).sum(-1).astype(np.float64)),
        "weighted_f1": ratio(np.nansum(f1 * labelled, axis=-1), count),
        "uar": ratio(np.nansum(ratio(hits, labelled), axis=-1), (labelled > 0).sum(-1).astype(np.float64)),
    }
