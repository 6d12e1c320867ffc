"""Each measure beside another implementation of it, or its definition written out."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import cosine as scipy_cosine
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy as scipy_entropy
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    log_loss,
    r2_score,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from core.distribution import EMOTIONS
from core.distribution import kl_divergence as core_kl
from offline_eval.scoring.metrics import hard_labels
from offline_eval.scoring.metrics.ambiguity import minority_chance
from offline_eval.scoring.metrics.calibration import reliability
from offline_eval.scoring.metrics.sample import NO_LABEL, Sample
from offline_eval.scoring.replicates import values_of
from tests.rated_votes import random_rated


@pytest.fixture(scope="module")
def sample() -> Sample:
    rated = random_rated(1, number=300)
    model = np.random.default_rng(2).dirichlet(np.full(4, 0.7), len(rated))
    # Equal entropies, certainties and a class that is never read, which are where implementations differ.
    model[:40] = model[40:80][:, [1, 0, 3, 2]]
    model[80:90] = np.eye(4)[0]
    return Sample.of(rated, model)


@pytest.fixture(scope="module")
def found(sample):
    return values_of(sample)


@pytest.mark.parametrize(("name", "epsilon"), [("kl", 1e-10), ("kl_1e-3", 1e-3), ("kl_smoothed", 1e-2)])
def test_kl_is_that_of_the_live_program_and_of_scipy(sample, found, name, epsilon):
    ours = [core_kl(h, m, epsilon=epsilon) for h, m in zip(sample.human, sample.model, strict=True)]
    assert found[name] == pytest.approx(np.mean(ours))
    assert found[name] == pytest.approx(scipy_entropy(sample.human, sample.model + epsilon, axis=1).mean())


def test_jensen_shannon_is_the_square_of_scipys_distance(sample, found):
    assert found["js"] == pytest.approx((jensenshannon(sample.human, sample.model, axis=1) ** 2).mean())
    assert found["js_bits"] == pytest.approx((jensenshannon(sample.human, sample.model, base=2, axis=1) ** 2).mean())


def test_the_skill_compares_with_the_kl_of_the_mean_of_what_people_heard(sample, found):
    prior = values_of(sample.read_as(np.tile(sample.human.mean(0), (len(sample), 1))))
    assert found["skill"] == pytest.approx(1 - found["kl"] / prior["kl"])
    assert found["skill_smoothed"] == pytest.approx(1 - found["kl_smoothed"] / prior["kl_smoothed"])
    assert prior["skill"] == pytest.approx(0, abs=1e-9)


def test_the_four_bhattacharyya_variants_are_their_definitions(sample, found):
    coefficients = [
        sum(math.sqrt(a * b) for a, b in zip(h, m, strict=True))
        for h, m in zip(sample.human, sample.model, strict=True)
    ]
    raised = [
        sum(math.sqrt((a + 1e-10) * (b + 1e-10)) for a, b in zip(h, m, strict=True)) / (1 + 4e-10)
        for h, m in zip(sample.human, sample.model, strict=True)
    ]
    assert found["bc"] == pytest.approx(np.mean(coefficients))
    assert found["bd_complement"] == pytest.approx(1 - np.mean(coefficients))
    assert found["bd_log_mean"] == pytest.approx(-math.log(np.mean(coefficients)))
    assert found["bd_mean_log"] == pytest.approx(-np.mean(np.log(raised)))


def test_disjoint_certainties_are_ten_point_eight_apart_and_not_equal():
    apart = values_of(Sample.of_shares(np.eye(4)[[0]], np.eye(4)[[1]]))
    assert apart["bd_mean_log"] == pytest.approx(10.82, abs=0.01)
    assert apart["bd_log_mean"] == math.inf
    assert apart["bd_complement"] == 1


def test_total_variation_and_cosine_are_their_definitions(sample, found):
    assert found["tv"] == pytest.approx(np.maximum(sample.human - sample.model, 0).sum(1).mean())
    pairs = zip(sample.human, sample.model, strict=True)
    assert found["cosine"] == pytest.approx(np.mean([1 - scipy_cosine(h, m) for h, m in pairs]))


def test_paper_r2_is_the_squared_pearson_correlation_of_each_utterance(sample, found):
    pairs = zip(sample.human, sample.model, strict=True)
    squared = [pearsonr(h, m)[0] ** 2 if h.std() else 0 for h, m in pairs]  # undefined for a uniform side: 0
    assert 0 in squared
    assert found["paper_r2"] == pytest.approx(np.mean(squared), abs=1e-6)


def test_r2_flattened_and_of_each_emotion_is_that_of_scikit_learn(sample, found):
    assert found["r2_flat"] == pytest.approx(r2_score(sample.human.ravel(), sample.model.ravel()))
    each = r2_score(sample.human, sample.model, multioutput="raw_values")
    assert [found[f"r2_{emotion}"] for emotion in EMOTIONS] == pytest.approx(each)


def test_log_loss_counts_every_vote_once(sample, found):
    votes = np.rint(sample.human * sample.raters[:, None]).astype(int)
    model = (sample.model + 1e-10) / (1 + 4e-10)
    row, emotion = np.nonzero(votes)
    voted = np.repeat(emotion, votes[row, emotion])
    assert found["log_loss"] == pytest.approx(
        log_loss(voted, np.repeat(model[row], votes[row, emotion], axis=0), labels=range(4))
    )


def test_the_parts_of_the_brier_score_make_up_the_whole_where_a_bin_holds_one_probability():
    rng = np.random.default_rng(3)
    human, kinds = rng.dirichlet(np.ones(4), 200), np.array([[0.1, 0.4, 0.2, 0.3], [0.7, 0.1, 0.1, 0.1]])
    found = values_of(Sample.of_shares(human, kinds[rng.integers(0, 2, 200)]))
    parts = found["brier_reliability"] - found["brier_resolution"] + found["brier_uncertainty"]
    assert found["brier"] == pytest.approx(parts)
    assert found["brier_uncertainty"] == pytest.approx(human.var(0).sum())


def test_a_constant_reading_of_the_prior_is_reliable_and_resolves_nothing():
    human = np.random.default_rng(3).dirichlet(np.ones(4), 50)
    found = values_of(Sample.of_shares(human, np.tile(human.mean(0), (50, 1))))
    assert (found["brier_reliability"], found["brier_resolution"]) == pytest.approx((0, 0), abs=1e-12)


def test_hard_labels_are_scored_as_scikit_learn_does(sample, found):
    labelled = sample.label != NO_LABEL
    truth, guess = sample.label[labelled], sample.model[labelled].argmax(1)
    assert not labelled.all()
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, guess, labels=range(4), average="macro"))
    assert found["weighted_f1"] == pytest.approx(f1_score(truth, guess, average="weighted"))
    assert found["uar"] == pytest.approx(recall_score(truth, guess, labels=np.unique(truth), average="macro"))
    assert found["top2_accuracy"] == pytest.approx(top_k_accuracy_score(truth, sample.model[labelled], k=2), abs=0.01)
    assert (hard_labels.confusion(sample) == confusion_matrix(truth, guess, labels=range(4))).all()


def test_macro_f1_over_the_union_leaves_out_emotions_that_are_neither_labelled_nor_read():
    truth, guess = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2])
    found = values_of(Sample.of_shares(np.eye(4)[truth], np.eye(4)[guess]))
    assert found["macro_f1_union"] == pytest.approx(f1_score(truth, guess, average="macro"))
    assert found["macro_f1"] == pytest.approx(f1_score(truth, guess, labels=range(4), average="macro", zero_division=0))
    assert found["macro_f1"] < found["macro_f1_union"]


def test_the_calibration_error_is_the_weighted_gap_in_fifteen_bins(sample, found):
    labelled = sample.label != NO_LABEL
    top, hit = sample.model.max(1)[labelled], (sample.label == sample.model.argmax(1))[labelled]
    gap, inside = 0.0, []
    for low in range(15):
        within = (top > low / 15) & (top <= (low + 1) / 15)
        inside.append(within.sum())
        if within.any():
            gap += within.mean() * abs(top[within].mean() - hit[within].mean())
    assert found["ece"] == pytest.approx(gap)
    assert reliability(sample)[:, 0].tolist() == inside
    likeliest = sample.model.argmax(1)
    shares = sample.human[np.arange(len(sample)), likeliest]
    assert found["soft_ece"] == pytest.approx(np.abs(sample.model.max(1) - shares).mean())


def test_entropies_correlate_as_scipy_says(sample, found):
    human, model = (np.round(scipy_entropy(side, axis=1), 12) for side in (sample.human, sample.model))
    assert found["entropy"] == pytest.approx(model.mean())
    assert found["entropy_pearson"] == pytest.approx(pearsonr(human, model)[0])
    assert found["entropy_spearman"] == pytest.approx(spearmanr(human, model)[0])


@pytest.mark.parametrize("target", ["not_unanimous", "no_majority"])
def test_disagreement_is_detected_as_scikit_learn_says(sample, found, target):
    truth = ~(sample.unanimous if target == "not_unanimous" else sample.majority)
    entropy = np.round(scipy_entropy(sample.model, axis=1), 12)
    assert found[f"auroc_{target}"] == pytest.approx(roc_auc_score(truth, entropy))
    assert found[f"aupr_{target}"] == pytest.approx(average_precision_score(truth, entropy))


def test_the_second_emotion_counts_where_people_were_of_two_minds():
    human = np.array([[0.6, 0.4, 0, 0], [0.5, 0.5, 0, 0], [1, 0, 0, 0], [0.5, 0.25, 0.25, 0]])
    model = np.array([[0.3, 0.6, 0.1, 0], [0.5, 0.1, 0.4, 0], [0.1, 0.2, 0.3, 0.4], [0.6, 0.3, 0.1, 0]])
    found = values_of(Sample.of_shares(human, model))
    # The first two utterances have two emotions ahead of the others; the model names both of the first one.
    assert found["top2_set_accuracy"] == 0.5
    # Minorities: happiness in the first, happiness and sadness in the last; all within the two, or three, likeliest.
    assert found["minority_recall"] == 1
    assert found["top2_accuracy"] == pytest.approx(2 / 3)


def test_equal_probabilities_share_a_place_among_the_likeliest():
    human = np.array([[0.1, 0, 0.7, 0.2], [0.4, 0, 0, 0.6]])
    uniform = values_of(Sample.of_shares(human, np.full((2, 4), 0.25)))
    # Two minorities with three places of four, and one with two.
    assert uniform["minority_recall"] == pytest.approx((2 * 3 / 4 + 2 / 4) / 3)
    assert uniform["minority_recall"] == pytest.approx(minority_chance(human))
    assert uniform["top2_accuracy"] == 0.5
    assert uniform["top2_set_accuracy"] == 0
    certain = values_of(Sample.of_shares(human[1:], np.array([[0.0, 0.0, 0.0, 1.0]])))
    assert certain["minority_recall"] == pytest.approx(1 / 3)
