import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, brier_score_loss, f1_score, log_loss

from core.distribution import EMOTIONS
from offline_eval.labels.clips import Clip, one_hot
from offline_eval.scoring.scores import class_prior, per_corpus, score, table, uniform


def clips(corpus: str, *emotions: str) -> list[Clip]:
    return [
        Clip(path=Path("x"), clip_id=str(i), corpus=corpus, speaker="s", split="dev", target=one_hot(emotion))
        for i, emotion in enumerate(emotions)
    ]


@pytest.mark.parametrize("classes", [4, 3])
def test_scores_are_those_of_scikit_learn(classes):
    rng = np.random.default_rng(1)
    truth = rng.integers(0, classes, 200)
    probabilities = rng.dirichlet([1, 1, 1, 1], 200)
    guess = probabilities.argmax(1)
    ours = score(probabilities, np.eye(4)[truth])
    assert ours.macro_f1 == pytest.approx(f1_score(truth, guess, labels=range(classes), average="macro"))
    assert ours.accuracy == pytest.approx(accuracy_score(truth, guess))
    assert ours.nll == pytest.approx(log_loss(truth, probabilities, labels=range(4)))
    assert ours.brier == pytest.approx(brier_score_loss(truth, probabilities, labels=range(4), scale_by_half=False))
    if classes == 4:
        assert ours.uar == pytest.approx(balanced_accuracy_score(truth, guess))


def test_the_calibration_error_is_the_weighted_gap_in_fifteen_bins():
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 4, 500)
    probabilities = rng.dirichlet([0.5, 0.5, 0.5, 0.5], 500)
    top, right = probabilities.max(1), probabilities.argmax(1) == truth
    gap = 0.0
    for low in range(15):
        inside = (top > low / 15) & (top <= (low + 1) / 15)
        if inside.any():
            gap += inside.mean() * abs(top[inside].mean() - right[inside].mean())
    assert score(probabilities, np.eye(4)[truth]).ece == pytest.approx(gap)


def test_sure_and_right_is_the_best_score_and_sure_and_wrong_the_worst():
    targets = np.eye(4)
    right = score(targets, targets)
    assert (right.macro_f1, right.uar, right.nll, right.brier, right.ece) == (1, 1, 0, 0, 0)
    wrong = score(np.roll(targets, 1, axis=1), targets)
    assert (wrong.macro_f1, wrong.uar, wrong.brier, wrong.ece) == (0, 0, 2, 1)


def test_a_target_of_votes_is_scored_against_every_share():
    votes = np.array([[0.5, 0.5, 0, 0]])
    assert score(votes, votes).nll == pytest.approx(math.log(2))
    assert score(votes, votes).brier == 0


def test_the_prior_is_that_of_the_clips_corpus():
    train = [*clips("a", *["anger"] * 5, "sadness"), *clips("b", "neutral")]
    prior = class_prior(train, [*clips("a", "anger"), *clips("new", "anger")])
    assert prior[0] == pytest.approx([0.6, 0.1, 0.2, 0.1])
    assert prior[1] == pytest.approx([6 / 11, 1 / 11, 2 / 11, 2 / 11])


def test_a_table_has_a_row_for_each_predictor_and_a_column_for_each_corpus():
    some = [*clips("a", *EMOTIONS), *clips("b", "anger")]
    text = table({"uniform": per_corpus(some, uniform(some))})
    assert text.splitlines()[0] == "| macro-F1 / NLL | a (4) | b (1) | all (5) |"
    assert text.count(f"{math.log(4):.3f}") == 3
