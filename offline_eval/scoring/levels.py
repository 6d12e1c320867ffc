"""What measures come to without a model, so that a number can be told from nothing."""

import math
from dataclasses import dataclass

import numpy as np

from offline_eval.scoring.metrics import ambiguity, correlation
from offline_eval.scoring.metrics.measures import REPORTED
from offline_eval.scoring.metrics.sample import Sample
from offline_eval.scoring.replicates import values_of


@dataclass(frozen=True, slots=True)
class Level:
    """What a measure comes to without a model.

    Attributes:
        chance: For random readings, every order of the emotions equally likely; None where it depends on more.
        prior: For the mean human distribution as the constant reading; NaN where undefined.
    """

    chance: float | None
    prior: float


def levels(sample: Sample) -> dict[str, Level]:
    """Name of each of REPORTED to its level on the utterances, whatever the sample's model read."""
    prior = values_of(sample.read_as(np.tile(sample.human.mean(0), (len(sample), 1))), REPORTED)
    by_chance = chances(sample)
    return {name: Level(by_chance.get(name), prior[name]) for name in REPORTED}


def chances(sample: Sample) -> dict[str, float]:
    """Name of measure to its expectation for random readings, where there is one."""
    classes = sample.human.shape[1]
    return {
        "paper_r2": correlation.chance(classes),
        "accuracy": 1 / classes,
        "uar": 1 / classes,
        "any_annotator_accuracy": ambiguity.any_annotator_chance(sample.human),
        "top2_accuracy": 2 / classes,
        "top2_set_accuracy": 1 / math.comb(classes, 2),
        "minority_recall": ambiguity.minority_chance(sample.human),
        "entropy_pearson": 0.0,
        "entropy_spearman": 0.0,
        "auroc_not_unanimous": 0.5,
        "aupr_not_unanimous": float((~sample.unanimous).mean()),
        "auroc_no_majority": 0.5,
        "aupr_no_majority": float((~sample.majority).mean()),
    }
