"""The likeliest class against the hard label, for utterances that have one."""

from collections.abc import Sequence

import numpy as np

from offline_eval.scoring.metrics.measure import Measure
from offline_eval.scoring.metrics.sample import NO_LABEL, Sample, Values
from offline_eval.scoring.metrics.sums import ratio

MEASURES = (
    Measure("accuracy", "accuracy", "higher", headline=True),
    Measure("macro_f1", "macro-F1 over the four", "higher", headline=True),
    Measure("macro_f1_union", "macro-F1 over labels that occur", "higher"),
    Measure("macro_f1_labelled", "macro-F1 over labels that are given", "higher", reported=False),
    Measure("weighted_f1", "weighted F1", "higher"),
    Measure("uar", "unweighted average recall", "higher"),
)


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
    """The measures of sums of terms.

    In `macro_f1`, F1 is 0 for a class that is neither labelled nor read; `macro_f1_union` leaves such a class out,
    `macro_f1_labelled` every class that is not labelled.
    """
    table = sums.reshape(*sums.shape[:-1], len(classes), len(classes))
    hits, labelled, read = np.diagonal(table, axis1=-2, axis2=-1), table.sum(-1), table.sum(-2)
    count = labelled.sum(-1)
    f1 = ratio(2 * hits, labelled + read)
    occurring = np.nansum(f1, axis=-1)
    present = (labelled > 0).sum(-1).astype(np.float64)
    return {
        "accuracy": ratio(hits.sum(-1), count),
        "macro_f1": np.where(count > 0, occurring / len(classes), np.nan),
        "macro_f1_union": ratio(occurring, np.isfinite(f1).sum(-1).astype(np.float64)),
        "macro_f1_labelled": ratio(np.sum(f1, axis=-1, where=labelled > 0), present),
        "weighted_f1": ratio(np.nansum(f1 * labelled, axis=-1), count),
        "uar": ratio(np.nansum(ratio(hits, labelled), axis=-1), present),
    }
