"""Reference points beside what is published, or was measured, of the same corpora."""

import csv
import math

import numpy as np
import pytest

from offline_eval.labels.rated import humans_of
from offline_eval.scoring.metrics.sample import Sample
from offline_eval.scoring.reference_points import (
    MAJORITY,
    PIECE_COUNT,
    UNIFORM,
    VOTE_PRIOR,
    class_prior,
    constant_outputs,
    leave_one_out,
)
from offline_eval.scoring.replicates import values_of
from tests.offline_eval.labelled_clips import labelled_clips
from tests.rated_votes import (
    MEAN_ENTROPY_NATS,
    SHARES,
    TIES,
    UNANIMOUS,
    described_votes,
    random_rated,
    rated_utterance,
)

IEMOCAP = {
    UNIFORM: {"kl": 1.075, "bd_mean_log": 0.531, "bd_log_mean": 0.515, "bd_complement": 0.402, "paper_r2": 0},
    PIECE_COUNT: {"kl": 1.002, "bd_mean_log": 0.493, "bd_log_mean": 0.472, "bd_complement": 0.376, "paper_r2": 0.439},
    VOTE_PRIOR: {"kl": 0.935, "bd_mean_log": 0.457, "bd_log_mean": 0.418, "bd_complement": 0.341, "paper_r2": 0.524},
}
"""Measured on the four-emotion utterances themselves."""

TOLERANCE = {"kl": 0.002, "bd_mean_log": 0.003, "bd_log_mean": 0.003, "bd_complement": 0.003, "paper_r2": 0.006}
"""Only KL follows from what the votes are fitted to; the others also depend on which emotions are mixed."""

SIX = ("anger", "disgust", "fear", "happiness", "neutral", "sadness")
FOUR = ("anger", "happiness", "sadness", "neutral")


@pytest.fixture(scope="module")
def rated():
    votes = described_votes()
    return [rated_utterance(one, name=f"u{at:04d}", cluster=f"d{at % 151}") for at, one in enumerate(votes)]


@pytest.fixture(scope="module")
def constants(rated):
    return {one.name: values_of(Sample.of(rated, one.probabilities)) for one in constant_outputs(rated)}


def test_the_fitted_votes_are_as_described(rated):
    human = humans_of(rated)
    assert len(rated) == 4_420
    assert human.mean(0) == pytest.approx(list(SHARES.values()), abs=5e-4)
    assert sum(one.agreement == "unanimous" for one in rated) == UNANIMOUS
    assert sum(one.agreement == "tie" for one in rated) == TIES
    entropy = np.mean([one.human.entropy for one in rated]) * math.log(4)
    assert entropy == pytest.approx(MEAN_ENTROPY_NATS, abs=5e-4)


@pytest.mark.parametrize("name", IEMOCAP)
def test_constants_on_votes_like_iemocaps_land_where_they_do_on_iemocap(constants, name):
    for measure, published in IEMOCAP[name].items():
        assert constants[name][measure] == pytest.approx(published, abs=TOLERANCE[measure]), measure


def test_the_hard_labels_of_constants_land_there_too(constants):
    for name in (PIECE_COUNT, VOTE_PRIOR, MAJORITY):
        assert constants[name]["accuracy"] == pytest.approx(0.512, abs=0.006)
        assert constants[name]["macro_f1"] == pytest.approx(0.169, abs=0.002)
    assert constants[VOTE_PRIOR]["r2_flat"] == pytest.approx(0.134, abs=0.001)
    assert constants[MAJORITY]["r2_flat"] == pytest.approx(-0.62, abs=0.005)
    assert constants[MAJORITY]["kl"] == pytest.approx(12.2, abs=0.05)
    assert constants[MAJORITY]["paper_r2"] == pytest.approx(0.511, abs=0.006)


def test_an_oracle_of_hard_labels_and_random_readings_land_there_too(rated):
    human = humans_of(rated)
    oracle = values_of(Sample.of(rated, 0.01 + 0.96 * np.eye(4)[human.argmax(1)]))
    for measure, published in {"kl": 0.485, "bd_mean_log": 0.086, "paper_r2": 0.860, "r2_flat": 0.80}.items():
        assert oracle[measure] == pytest.approx(published, abs=0.01)
    random = values_of(Sample.of(rated, np.random.default_rng(0).dirichlet(np.ones(4), len(rated))))
    for measure, published in {"kl": 1.51, "bd_mean_log": 0.71, "paper_r2": 0.338, "r2_flat": -0.28}.items():
        assert random[measure] == pytest.approx(published, abs=0.03)


def test_the_prior_has_no_skill_and_uniform_less(constants):
    assert constants[VOTE_PRIOR]["skill"] == pytest.approx(0, abs=1e-6)
    assert constants[UNIFORM]["skill"] == pytest.approx(1 - 1.075 / 0.935, abs=0.003)


def test_people_agree_with_each_other_about_as_measured_on_iemocap(rated):
    found = leave_one_out(rated, draws=200)
    # Loosely: how many raters heard what together is not known of these votes.
    assert found.agreement.value == pytest.approx(0.690, abs=0.02)
    assert found.kl.value == pytest.approx(0.842, abs=0.05)
    assert found.bd_log_mean.value == pytest.approx(0.340, abs=0.04)
    assert found.agreement.low < found.agreement.value < found.agreement.high


def test_each_rater_is_held_against_the_others():
    found = leave_one_out([rated_utterance([2, 1, 0, 0])], draws=10)
    assert (found.n_utterances, found.n_raters) == (1, 3)
    # Twice anger against one anger and one happiness, once happiness against two anger.
    assert found.agreement.value == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert found.kl.value == pytest.approx(-(2 * math.log(0.55 / 1.2) + math.log(0.05 / 1.2)) / 3)
    assert found.bd_log_mean.value == pytest.approx(-math.log(2 * math.sqrt(0.5) / 3))
    assert found.bd_mean_log.value == pytest.approx(found.kl.value / 2)
    assert found.agreement.low is None


def test_utterances_of_one_rater_are_left_out_and_nothing_else_gives_nothing():
    alone, pair = rated_utterance([0, 1, 0, 0], name="a"), rated_utterance([0, 2, 0, 0], name="b")
    found = leave_one_out([alone, pair])
    assert (found.n_utterances, found.n_raters, found.agreement.value) == (1, 2, 1)
    assert leave_one_out([alone]) is None
    assert leave_one_out([]) is None


def test_the_order_of_the_utterances_does_not_matter_to_people():
    rated = random_rated(3)
    assert leave_one_out(rated, draws=100) == leave_one_out(rated[::-1], draws=100)


def test_the_prior_is_that_of_the_clips_corpus():
    train = [*labelled_clips("a", *["anger"] * 5, "sadness"), *labelled_clips("b", "neutral")]
    prior = class_prior(train, [*labelled_clips("a", "anger"), *labelled_clips("new", "anger")])
    assert prior[0] == pytest.approx([0.6, 0.1, 0.2, 0.1])
    assert prior[1] == pytest.approx([6 / 11, 1 / 11, 2 / 11, 2 / 11])


@pytest.fixture(scope="module")
def crema_d(shared) -> np.ndarray:
    with (shared / "data" / "cremad_voice_votes.csv").open(newline="") as file:
        return np.array([[float(row[f"votes_{name}"]) for name in SIX] for row in csv.DictReader(file)])


def shares(votes: np.ndarray) -> np.ndarray:
    return votes / votes.sum(1, keepdims=True)


def constant(human: np.ndarray, reading: np.ndarray, classes: tuple[str, ...]) -> tuple[float, float]:
    found = values_of(Sample.of_shares(human, np.tile(reading, (len(human), 1))), classes=classes)
    return found["kl"], found["bd_mean_log"]


@pytest.mark.shared
def test_constants_on_crema_ds_six_emotions_land_where_measured(crema_d):
    human = shares(crema_d)
    assert len(human) == 7_442
    assert constant(human, np.full(6, 1 / 6), SIX) == pytest.approx((0.963, 0.437), abs=0.001)
    assert constant(human, human.mean(0), SIX) == pytest.approx((0.744, 0.322), abs=0.001)


@pytest.mark.shared
def test_constants_on_crema_ds_clips_that_one_of_the_four_leads_land_where_measured(crema_d):
    four = crema_d[:, [SIX.index(name) for name in FOUR]]
    leads = (crema_d == crema_d.max(1, keepdims=True)).sum(1) == 1
    human = shares(four[leads & (four.max(1) == crema_d.max(1))])
    assert len(human) == 5_606
    assert constant(human, np.full(4, 1 / 4), FOUR) == pytest.approx((0.938, 0.436), abs=0.001)
    assert constant(human, human.mean(0), FOUR) == pytest.approx((0.637, 0.279), abs=0.001)
    assert (human.argmax(1) == FOUR.index("neutral")).mean() == pytest.approx(0.695, abs=0.001)
