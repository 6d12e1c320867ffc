from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from offline_eval.comparison.crossfit import tempered
from offline_eval.comparison.predictions import Predictions
from offline_eval.labels.clips import Clip, one_hot
from offline_eval.scoring.scores import score


def spoken(n, seed, *, folds=4):
    """Clips, honest probabilities of their labels, and folds."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.full(4, 0.7), size=n)
    emotions = [rng.choice(["anger", "happiness", "sadness", "neutral"], p=p) for p in honest]
    clips = [
        Clip(path=Path("x"), clip_id=str(i), corpus="c", speaker=str(i % 8), split="dev", target=one_hot(emotion))
        for i, emotion in enumerate(emotions)
    ]
    return clips, honest, np.arange(n) % folds


def sharpened(probabilities, power):
    raised = probabilities**power
    return raised / raised.sum(1, keepdims=True)


@pytest.mark.parametrize("power", [0.4, 3.0])
def test_over_and_under_confidence_are_undone_without_the_folds_own_labels(power):
    clips, honest, folds = spoken(2000, seed=1)
    made = Predictions(system="s", probabilities=sharpened(honest, power), folds=folds)
    after = tempered(clips, made).probabilities
    assert np.abs(after - honest).max() < 0.08
    assert score(clips, after).nll < score(clips, made.probabilities).nll


def test_a_folds_labels_do_not_change_its_answers():
    clips, honest, folds = spoken(400, seed=2)
    made = Predictions(system="s", probabilities=sharpened(honest, 2.0), folds=folds)
    lied_about = [
        clip if fold else replace(clip, target=one_hot("anger")) for clip, fold in zip(clips, folds, strict=True)
    ]
    first = folds == 0
    assert np.array_equal(tempered(clips, made).probabilities[first], tempered(lied_about, made).probabilities[first])


def test_one_fold_stays_as_it_is():
    clips, honest, _ = spoken(50, seed=3)
    made = Predictions(system="s", probabilities=honest, folds=np.zeros(50, int))
    assert np.array_equal(tempered(clips, made).probabilities, honest)
