import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UsageError
from offline_eval.labels.rated import AGREEMENTS, humans_of
from offline_eval.scoring.evaluation import SystemOutput, evaluate
from offline_eval.scoring.metrics.measures import HEADLINES, REPORTED
from offline_eval.scoring.metrics.sample import Sample
from offline_eval.scoring.replicates import values_of
from tests.rated_votes import random_rated, rated_utterance

SEEDS = st.integers(0, 2**32 - 1)


def read(seed: int, number: int, *, invalid: float = 0.0, name: str = "a") -> SystemOutput:
    rng = np.random.default_rng([seed, 1])
    probabilities = rng.dirichlet(np.ones(4), number)
    probabilities[rng.random(number) < invalid] = np.nan
    return SystemOutput(name, probabilities)


def values(scores) -> dict[str, float]:
    return {name: estimate.value for name, estimate in scores.estimates.items()}


def test_a_system_gets_every_measure_of_its_valid_readings_and_again_with_invalid_ones_as_uniform():
    rated, output = random_rated(0), read(0, 60, invalid=0.2)
    found = evaluate(rated, [output], draws=50).systems["a"]
    valid = ~np.isnan(output.probabilities).any(1)
    assert (found.scored.n_total, found.scored.n_scored, found.scored.n_invalid) == (60, valid.sum(), (~valid).sum())
    assert (found.penalised.n_total, found.penalised.n_scored, found.penalised.n_invalid) == (60, 60, 0)
    sample = Sample.of(rated, np.nan_to_num(output.probabilities, nan=0.25))
    assert values(found.scored) == pytest.approx(values_of(sample.rows(valid), REPORTED), nan_ok=True)
    assert values(found.penalised) == pytest.approx(values_of(sample, REPORTED), nan_ok=True)
    assert tuple(found.scored.estimates) == REPORTED
    labelled = sum(one.hard_label is not None for one, good in zip(rated, valid, strict=True) if good)
    assert np.sum(found.scored.confusion) == labelled


def test_strata_of_agreement_and_sessions_are_evaluations_of_their_utterances_alone():
    rated, output = random_rated(3), read(3, 60, invalid=0.1)
    found = evaluate(rated, [output], draws=50).systems["a"]
    assert list(found.by_agreement) == [name for name in AGREEMENTS if any(one.agreement == name for one in rated)]
    assert list(found.by_session) == ["1", "2", "3"]
    groups = [(found.by_agreement[name], lambda one, name=name: one.agreement == name) for name in found.by_agreement]
    groups += [(found.by_session[n], lambda one, n=n: one.utterance.session == n) for n in found.by_session]
    for scores, belongs in groups:
        rows = [at for at, one in enumerate(rated) if belongs(one)]
        alone = evaluate(
            [rated[at] for at in rows], [replace(output, probabilities=output.probabilities[rows])], draws=50
        )
        assert repr(scores) == repr(alone.systems["a"].scored)


@settings(max_examples=10)
@given(seed=SEEDS)
def test_neither_the_order_of_the_utterances_nor_another_system_changes_a_number(seed):
    rated, output = random_rated(seed), read(seed, 60, invalid=0.1)
    alone = evaluate(rated, [output], draws=30)
    order = np.random.default_rng(seed).permutation(60)
    other = read(seed + 1, 60, name="b")
    shuffled = [replace(one, probabilities=one.probabilities[order]) for one in (other, output)]
    again = evaluate([rated[at] for at in order], shuffled, draws=30)
    assert repr(again.systems["a"]) == repr(alone.systems["a"])
    assert repr(again.levels) == repr(alone.levels)


def test_intervals_hold_the_value_and_there_are_none_of_a_single_cluster():
    rated = random_rated(4, 200, clusters=20)
    for name, estimate in evaluate(rated, [read(4, 200)], draws=500).systems["a"].scored.estimates.items():
        if name not in {"ece", "brier_reliability", "brier_resolution"}:  # which draws only raise
            assert estimate.low <= estimate.value <= estimate.high, name
    alone = evaluate([one for one in rated if one.cluster == "d0"], [], draws=10)
    assert alone.systems == {}
    single = random_rated(4, 30, clusters=1)
    for estimate in evaluate(single, [read(4, 30)]).systems["a"].scored.estimates.values():
        assert (estimate.low, estimate.high) == (None, None)


def test_the_levels_are_those_of_chance_and_of_the_mean_of_what_people_heard():
    rated = random_rated(5)
    found = evaluate(rated, [], draws=10).levels
    prior = SystemOutput("prior", np.tile(humans_of(rated).mean(0), (60, 1)))
    as_system = values(evaluate(rated, [prior], draws=10).systems["prior"].scored)
    assert {name: level.prior for name, level in found.items()} == pytest.approx(as_system, nan_ok=True)
    assert found["paper_r2"].chance == pytest.approx(1 / 3)
    assert found["kl"].chance is None
    assert found["skill"].prior == pytest.approx(0)


def test_a_better_reader_is_ahead_by_the_difference_of_the_utterances_that_both_read():
    rated = random_rated(6, 300, clusters=30)
    good = SystemOutput("good", 0.7 * humans_of(rated) + 0.3 * read(6, 300).probabilities)
    bad = read(7, 300, invalid=0.1, name="bad")
    same = replace(good, name="same")
    evaluation = evaluate(rated, [good, bad, same], draws=1_000)
    table = evaluation.paired("good", ["bad", "same"])
    assert [(one.other, one.measure) for one in table] == [(o, m) for o in ("bad", "same") for m in HEADLINES]
    valid = ~np.isnan(bad.probabilities).any(1)
    common = [values_of(Sample.of(rated, one.probabilities).rows(valid)) for one in (good, bad)]
    for one in table[: len(HEADLINES)]:
        assert one.n_common == valid.sum()
        assert one.estimate.value == pytest.approx(common[0][one.measure] - common[1][one.measure])
    kl = table[0]
    assert kl.measure == "kl"
    assert kl.estimate.low < kl.estimate.high < 0
    assert kl.p == pytest.approx(1 / 1_001)
    assert kl.p < kl.p_holm < 0.05
    for one in table[len(HEADLINES) :]:
        assert (one.estimate.value, one.estimate.low, one.estimate.high, one.p, one.p_holm) == (0, 0, 0, 1, 1)


def test_a_difference_the_other_way_round_has_the_other_sign_and_the_same_p():
    rated = random_rated(8)
    evaluation = evaluate(rated, [read(8, 60), read(9, 60, name="b")], draws=200)
    for there, back in zip(evaluation.paired("a", ["b"]), evaluation.paired("b", ["a"]), strict=True):
        assert there.estimate.value == -back.estimate.value
        assert there.estimate.low == pytest.approx(-back.estimate.high)
        assert there.p == back.p


def test_a_system_without_any_valid_reading_is_counted_and_has_no_scores():
    found = evaluate(random_rated(1), [SystemOutput("a", np.full((60, 4), np.nan))], draws=20).systems["a"]
    assert (found.scored.n_scored, found.scored.n_invalid) == (0, 60)
    assert all(math.isnan(one.value) and one.low is None for one in found.scored.estimates.values())
    assert found.penalised.estimates["kl"].value > 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.full((2, 4), 0.25), "expected 1 readings of 4 emotions"),
        (np.array([[0.5, 0.5, 0.5, 0]]), "neither a distribution nor marked as invalid"),
        (np.array([[np.nan, 0.5, 0.5, 0]]), "neither a distribution nor marked as invalid"),
        (np.array([[-0.5, 0.5, 0.5, 0.5]]), "neither a distribution nor marked as invalid"),
    ],
)
def test_readings_that_are_no_distributions_are_named(rows, message):
    with pytest.raises(UsageError, match=message):
        evaluate([rated_utterance([1, 0, 0, 0])], [SystemOutput("a", rows)])


def test_what_cannot_be_evaluated_is_said():
    rated, output = random_rated(1), read(1, 60)
    with pytest.raises(UsageError, match="no rated utterance"):
        evaluate([], [])
    with pytest.raises(UsageError, match="same name"):
        evaluate(rated, [output, output])
    evaluation = evaluate(rated, [output], draws=10)
    with pytest.raises(UsageError, match="no system 'b'; there are a"):
        evaluation.paired("a", ["b"])
    with pytest.raises(UsageError, match="no measure 'f1'"):
        evaluation.paired("a", ["a"], measures=["f1"])
