"""What holds of the measures for any votes and readings."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.distribution import EMOTIONS
from offline_eval.labels.rated import humans_of
from offline_eval.scoring.levels import chances
from offline_eval.scoring.metrics.measures import MEASURE, MEASURES
from offline_eval.scoring.metrics.sample import Sample
from offline_eval.scoring.replicates import replicates, values_of
from offline_eval.scoring.resampling import ClusterBootstrap
from tests.rated_votes import random_rated

SEEDS = st.integers(0, 2**32 - 1)
TO_ONE = [
    *("js_bits", "bd_complement", "bc", "tv", "cosine", "paper_r2", "ece", "soft_ece", "accuracy", "macro_f1"),
    *(
        "macro_f1_union",
        "macro_f1_labelled",
        "weighted_f1",
        "uar",
        "any_annotator_accuracy",
        "top2_accuracy",
        "top2_set_accuracy",
        "minority_recall",
    ),
    *("auroc_not_unanimous", "aupr_not_unanimous", "auroc_no_majority", "aupr_no_majority"),
]
BOUNDS = {
    **dict.fromkeys(TO_ONE, (0, 1)),
    **dict.fromkeys(("skill", "skill_smoothed", "r2_flat", *(f"r2_{name}" for name in EMOTIONS)), (-math.inf, 1)),
    **dict.fromkeys(("entropy_pearson", "entropy_spearman"), (-1, 1)),
    **dict.fromkeys(("kl", "kl_1e-3", "kl_smoothed", "bd_mean_log", "bd_log_mean", "log_loss"), (0, math.inf)),
    **dict.fromkeys(("brier", "brier_reliability", "brier_resolution", "brier_uncertainty"), (0, 2)),
    "js": (0, math.log(2)),
    "entropy": (0, math.log(4)),
}
EMOTION_BY_EMOTION = {f"r2_{name}" for name in EMOTIONS}


def drawn(seed: int, number: int = 30) -> Sample:
    """Votes, and readings from nearly certain to nearly uniform, some certain and some uniform."""
    rng = np.random.default_rng(seed)
    model = rng.dirichlet(np.full(4, 10 ** rng.uniform(-2, 2)), number)
    model[rng.random(number) < 0.1] = np.eye(4)[rng.integers(4)]
    model[rng.random(number) < 0.1] = 0.25
    return Sample.of(random_rated(seed, number), model)


@settings(max_examples=60)
@given(seed=SEEDS)
def test_every_measure_is_undefined_or_within_its_bounds(seed):
    found = values_of(drawn(seed))
    assert set(found) == set(MEASURE) == set(BOUNDS)
    for name, (low, high) in BOUNDS.items():
        assert math.isnan(found[name]) or low - 1e-9 <= found[name] <= high + 1e-9, name


def test_what_is_asked_for_is_what_is_computed():
    sample = drawn(0)
    some = ("log_loss", "macro_f1", "entropy_spearman")
    everything = values_of(sample)
    assert values_of(sample, some) == {name: everything[name] for name in some}


@settings(max_examples=30)
@given(seed=SEEDS)
def test_neither_the_order_of_the_utterances_nor_hearing_all_twice_matters(seed):
    sample = drawn(seed)
    once = values_of(sample)
    order = np.random.default_rng(seed).permutation(len(sample))
    assert values_of(sample.rows(order)) == pytest.approx(once, nan_ok=True)
    assert values_of(sample.rows(np.tile(order, 2))) == pytest.approx(once, nan_ok=True)


@settings(max_examples=30)
@given(seed=SEEDS)
def test_what_the_emotions_are_called_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    # No two probabilities alike, so that no tie falls to the class that comes first.
    sample = Sample.of_shares(rng.dirichlet(np.ones(4), 30), rng.dirichlet(np.ones(4), 30))
    turned = Sample.of_shares(np.roll(sample.human, 1, axis=1), np.roll(sample.model, 1, axis=1))
    once, again = values_of(sample), values_of(turned)
    for name in MEASURE.keys() - EMOTION_BY_EMOTION:
        assert again[name] == pytest.approx(once[name], nan_ok=True), name


@settings(max_examples=20)
@given(seed=SEEDS)
def test_reading_exactly_what_people_heard_is_the_best_there_is(seed):
    human = humans_of(random_rated(seed, 40))
    best, other = values_of(Sample.of_shares(human, human)), values_of(drawn(seed, 40).read_as(human))
    for found in (best, other):
        assert found["kl"] == pytest.approx(0, abs=1e-6)
        perfect = {name: found[name] for name in ("js", "tv", "brier", "bd_complement", "bd_mean_log", "soft_ece")}
        assert perfect == pytest.approx(dict.fromkeys(perfect, 0), abs=1e-6)
        ones = (
            "bc",
            "cosine",
            "r2_flat",
            "accuracy",
            "any_annotator_accuracy",
            "entropy_pearson",
            "entropy_spearman",
            "top2_set_accuracy",
        )
        assert {name: found[name] for name in ones} == pytest.approx(dict.fromkeys(ones, 1), abs=1e-6)
        assert found["auroc_not_unanimous"] == 1
        assert found["minority_recall"] == 1


@settings(max_examples=20)
@given(seed=SEEDS)
def test_a_draw_of_clusters_measures_what_the_drawn_utterances_measure(seed):
    sample, rng = drawn(seed, 40), np.random.default_rng(seed)
    bootstrap = ClusterBootstrap([f"c{n}" for n in rng.integers(0, 6, 40)], draws=5, seed=seed)
    found = replicates(sample, bootstrap.cluster, bootstrap)
    for at, counts in enumerate(np.concatenate(list(bootstrap.counts()))):
        again = values_of(sample.rows(np.repeat(np.arange(40), counts[bootstrap.cluster].astype(int))))
        here = {name: values[at] for name, values in found.items()}
        assert here == pytest.approx(again, nan_ok=True, abs=1e-9)


def test_random_readings_come_to_the_levels_of_chance():
    rng = np.random.default_rng(0)
    rated = random_rated(1, 20_000)
    sample = Sample.of(rated, rng.dirichlet(np.ones(4), len(rated)))
    found = values_of(sample)
    for name, level in chances(sample).items():
        assert found[name] == pytest.approx(level, abs=0.015), name


def test_nothing_scored_leaves_every_measure_undefined_and_no_warning():
    found = values_of(drawn(1).rows(np.zeros(0, dtype=int)))
    assert all(math.isnan(value) for value in found.values())


def test_uniform_readings_track_no_disagreement():
    sample = drawn(2)
    found = values_of(sample.read_as(np.full((len(sample), 4), 0.25)))
    assert found["auroc_not_unanimous"] == 0.5
    assert found["aupr_not_unanimous"] == pytest.approx((~sample.unanimous).mean())
    assert math.isnan(found["entropy_spearman"])
    assert math.isnan(found["entropy_pearson"])
    assert found["paper_r2"] == 0


def test_every_measure_has_a_title_of_its_own():
    assert len({measure.title for measure in MEASURES}) == len(MEASURES) == len(MEASURE)


@settings(max_examples=30)
@given(seed=SEEDS)
def test_what_any_annotator_heard_is_right_wherever_the_label_is_and_for_ties_too(seed):
    sample = drawn(seed)
    found, labelled = values_of(sample), sample.rows(sample.label >= 0)
    assert values_of(labelled)["any_annotator_accuracy"] >= found["accuracy"] - 1e-12
    heard = [human[np.argmax(model)] > 0 for human, model in zip(sample.human, sample.model, strict=True)]
    assert found["any_annotator_accuracy"] == pytest.approx(np.mean(heard))
    unanimous = sample.rows(sample.unanimous)
    if len(unanimous):
        alone = values_of(unanimous)
        assert alone["any_annotator_accuracy"] == pytest.approx(alone["accuracy"])
    certain = values_of(sample.read_as(np.eye(4)[sample.human.argmax(1)]))
    assert certain["any_annotator_accuracy"] == 1
