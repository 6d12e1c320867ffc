import math

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, brier_score_loss, f1_score, log_loss

from core.distribution import EMOTIONS
from offline_eval.scoring.reference_points import uniform
from offline_eval.scoring.scores import per_corpus, score, table
from tests.offline_eval.labelled_clips import clips_of_targets, labelled_clips


@pytest.mark.parametrize("classes", [4, 3])
def test_scores_are_those_of_scikit_learn(classes):
    rng = np.random.default_rng(1)
    truth = rng.integers(0, classes, 200)
    probabilities = rng.dirichlet([1, 1, 1, 1], 200)
    guess = probabilities.argmax(1)
    ours = score(clips_of_targets(np.eye(4)[truth]), probabilities)
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
    assert score(clips_of_targets(np.eye(4)[truth]), probabilities).ece == pytest.approx(gap)


def test_sure_and_right_is_the_best_score_and_sure_and_wrong_the_worst():
    targets = np.eye(4)
    right = score(clips_of_targets(targets), targets)
    assert (right.macro_f1, right.uar, right.nll, right.brier, right.ece) == (1, 1, pytest.approx(0, abs=1e-9), 0, 0)
    wrong = score(clips_of_targets(targets), np.roll(targets, 1, axis=1))
    assert (wrong.macro_f1, wrong.uar, wrong.brier, wrong.ece) == (0, 0, 2, 1)


def test_a_target_of_votes_is_scored_against_every_share():
    votes = np.array([[0.5, 0.5, 0, 0]])
    found = score(clips_of_targets(votes), votes)
    assert (found.nll, found.brier) == (pytest.approx(math.log(2)), 0)
    assert found.accuracy == 1


def test_a_table_has_a_row_for_each_predictor_and_a_column_for_each_corpus():
    some = [*labelled_clips("a", *EMOTIONS), *labelled_clips("b", "anger")]
    text = table({"uniform": per_corpus(some, uniform(some))})
    assert text.splitlines()[0] == "| macro-F1 / NLL | a (4) | b (1) | all (5) |"
    assert text.count(f"{math.log(4):.3f}") == 3
