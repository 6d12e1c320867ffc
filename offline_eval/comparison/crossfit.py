"""A temperature for every fold, fitted on the answers of the other folds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.ltu_as.calibration import log_of
from offline_eval.calibration.temperature import fit_temperature_and_prior
from offline_eval.comparison.predictions import Predictions
from offline_eval.labels.clips import Clip, targets_of


def tempered(clips: Sequence[Clip], made: Predictions) -> Predictions:
    """The same answers, those of each fold at the temperature with the least NLL on the other folds.

    So no speaker's own answers, and no label of theirs, take part in the correction of their readings. Corpora weigh
    alike in the fit. With one fold nothing changes.
    """
    log_probs, targets = log_of(made.probabilities), targets_of(clips)
    size = Counter(clip.corpus for clip in clips)
    weights = np.array([1 / size[clip.corpus] for clip in clips])
    probabilities = made.probabilities.copy()
    for fold in np.unique(made.folds):
        inside, outside = made.folds == fold, made.folds != fold
        if outside.any():
            correction = fit_temperature_and_prior(
                log_probs[outside], targets[outside], np.empty((0, targets.shape[1])), weights[outside]
            )
            probabilities[inside] = np.exp(correction.corrected(log_probs[inside]))
    return replace(made, probabilities=probabilities)
