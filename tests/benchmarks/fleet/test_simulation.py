"""The simulation of a fleet: held to theory where there is one, and to its accounts where there is none."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.fleet.service import BatchTimes
from benchmarks.fleet.simulation import Fleet, simulate
from benchmarks.fleet.speech import Heard, Talk, poisson
from benchmarks.fleet.theory import wait_in_turn_s, wait_mg1_s, wait_mmc_s

NEVER = {"resend_s": math.inf, "deadline_s": math.inf, "max_wait_s": math.inf, "hop_s": 0.0}
RUNS, EACH, WARM_S = 20, 1_800, 100.0
SURE = 4.0
"""Standard errors: a right simulation is outside with a probability of some 1 in 1300 (t, 19 degrees of freedom)."""


@pytest.mark.parametrize(
    ("servers", "variation", "dispatch", "theory_s"),
    [
        (1, 0.0, "in turn", wait_mg1_s(per_s=0.7, service_s=1.0, variation=0.0)),
        (2, 0.5, "at random", wait_mg1_s(per_s=0.7, service_s=1.0, variation=0.5)),
        (3, 1.0, "to whoever is free", wait_mmc_s(per_s=2.1, service_s=1.0, servers=3)),
        (3, 1.0, "in turn", wait_in_turn_s(per_s=2.1, service_s=1.0, servers=3)),
    ],
    ids=["M/D/1", "M/G/1 each", "M/M/3", "E3/M/1"],
)
def test_utterances_wait_as_theory_says(servers, variation, dispatch, theory_s):
    times = BatchTimes(source="", seconds={1: 1.0}, variation=variation)
    fleet = Fleet(workers=servers, times=times, dispatch=dispatch, **NEVER)
    outcomes = []
    for seed in range(RUNS):
        chance = np.random.default_rng(seed)
        outcomes.append(simulate(poisson(chance, per_s=0.7 * servers, number=EACH), fleet, chance, since_s=WARM_S))
    means_s = np.array([outcome.waits_s.mean() for outcome in outcomes])
    error_s = means_s.std(ddof=1) / math.sqrt(RUNS)  # of independent runs: waits within one depend on each other
    assert error_s < 0.05 * theory_s, "too few draws to tell anything"
    assert abs(means_s.mean() - theory_s) < SURE * error_s
    assert np.mean([outcome.utilisation for outcome in outcomes]) == pytest.approx(0.7, abs=0.02)


def test_what_is_dealt_in_turn_waits_longer_than_what_whoever_is_free_takes():
    assert wait_in_turn_s(per_s=2.1, service_s=1.0, servers=3) > 2 * wait_mmc_s(per_s=2.1, service_s=1.0, servers=3)


FLEETS = st.builds(
    Fleet,
    workers=st.integers(1, 4),
    times=st.builds(
        lambda one, more, variation: BatchTimes(source="", seconds={1: one, 8: one * more}, variation=variation),
        st.floats(0.01, 6.0),
        st.floats(1.0, 8.0),
        st.sampled_from([0.0, 0.5, 1.0]),
    ),
    max_batch=st.integers(1, 8),
    microphones_per_edge=st.integers(1, 4),
    dispatch=st.sampled_from(["in turn", "at random", "to whoever is free"]),
    window=st.integers(1, 8),
    uptime_s=st.sampled_from([math.inf, 20.0, 5.0]),
    down_s=st.floats(1.0, 30.0),
    noticed_s=st.floats(0.0, 40.0),
)


@settings(max_examples=100, deadline=None)
@given(FLEETS, st.integers(0, 2**32 - 1))
def test_each_utterance_is_answered_or_expires_or_is_dropped_once_whatever_happens(fleet, seed):
    chance = np.random.default_rng(seed)
    heard = Talk(length_s=2.0, silence_s=1.0).heard(chance, microphones=6, seconds=20.0)
    outcome = simulate(heard, fleet, chance)
    assert outcome.offered == len(heard) == outcome.answered + outcome.expired + sum(outcome.dropped.values())
    asked = outcome.answered + outcome.expired
    assert outcome.sent - outcome.resent <= asked
    assert outcome.resent <= 2 * asked
    assert outcome.duplicates <= outcome.resent
    assert 0 <= outcome.utilisation <= 1
    assert np.all(outcome.waits_s >= 0)
    assert np.all(outcome.waits_s <= outcome.sojourns_s)
    assert np.all(outcome.sojourns_s <= fleet.max_wait_s + fleet.deadline_s + 1e-9)
    if fleet.uptime_s == math.inf:
        assert outcome.failures == 0


def test_the_same_seed_gives_the_same_and_with_time_to_spare_all_are_read_once():
    fleet = Fleet(workers=2, times=BatchTimes(source="", seconds={1: 0.01}))
    outcomes = []
    for _ in range(2):
        chance = np.random.default_rng(5)
        outcomes.append(simulate(Talk().heard(chance, microphones=20, seconds=60.0), fleet, chance))
    one, other = outcomes
    assert np.array_equal(one.sojourns_s, other.sojourns_s)
    assert (one.answered, one.resent, one.duplicates, one.lost_share) == (one.offered, 0, 0, 0.0)


def test_what_a_dead_worker_held_is_read_by_another_after_it_is_asked_again():
    times = BatchTimes(source="", seconds={1: 1.0})
    heard = [Heard(0.1 * number, number, 3.0) for number in range(4)]
    fleet = Fleet(workers=2, times=times, uptime_s=2.0, down_s=1.0)
    outcomes = [simulate(heard, fleet, np.random.default_rng(seed)) for seed in range(20)]
    hit = [outcome for outcome in outcomes if outcome.failures and outcome.resent]
    assert hit
    assert any(outcome.answered == 4 and outcome.sojourns_s.max() > fleet.resend_s for outcome in hit)


def test_a_fleet_with_too_much_to_do_drops_and_lets_expire_and_never_works_more_than_it_can():
    chance = np.random.default_rng(0)
    fleet = Fleet(workers=1, times=BatchTimes(source="", seconds={1: 1.0}))
    heard = Talk(silence_s=0.5).heard(chance, microphones=30, seconds=120.0)
    outcome = simulate(heard, fleet, chance)
    assert outcome.utilisation > 0.9
    assert outcome.lost_share > 0.4
    assert outcome.answered <= 120 + fleet.deadline_s + 1


def test_asking_again_before_an_answer_can_be_there_makes_the_fleet_late():
    talk = Talk(length_s=4.0, silence_s=2.4, interim_every_s=0)
    means_s = {}
    for resend_s in (3.0, 6.0, math.inf):
        fleet = Fleet(workers=4, times=BatchTimes(source="", seconds={1: 1.7}), resend_s=resend_s)
        outcomes = []
        for seed in range(20):
            chance = np.random.default_rng(seed)
            outcomes.append(simulate(talk.heard(chance, microphones=12, seconds=90.0), fleet, chance))
        means_s[resend_s] = np.mean([outcome.sojourns_s.mean() for outcome in outcomes])
    assert means_s[3.0] > 1.3 * means_s[6.0]
    assert means_s[6.0] < 1.1 * means_s[math.inf]


def test_more_at_once_are_read_in_batches_that_take_what_was_measured():
    times = BatchTimes(source="", seconds={1: 1.0, 3: 2.0})
    assert [times.mean_s(size) for size in (1, 2, 3)] == [1.0, 1.5, 2.0]
    heard = [Heard(0.0, number, 3.0) for number in range(4)]
    outcome = simulate(heard, Fleet(workers=1, times=times, max_batch=3, hop_s=0.0), np.random.default_rng(0))
    assert sorted(outcome.sojourns_s) == pytest.approx([1.0, 3.0, 3.0, 3.0])
    assert outcome.batch == 2.0


def test_interim_versions_give_way_to_newer_ones_and_whole_utterances_go_first():
    times = BatchTimes(source="", seconds={1: 2.0})
    heard = [Heard(0.0, 0, 9.0), Heard(0.1, 0, 3.0, final=False), Heard(0.2, 0, 4.0)]
    outcome = simulate(heard, Fleet(workers=1, times=times, hop_s=0.0), np.random.default_rng(0))
    assert (outcome.answered, outcome.dropped["superseded"]) == (2, 1)
    assert sorted(outcome.sojourns_s) == pytest.approx([2.0, 3.8])


def test_a_speaker_says_as_much_as_was_asked_for():
    talk = Talk()
    heard = talk.heard(np.random.default_rng(1), microphones=60, seconds=300.0)
    final = [one for one in heard if one.final]
    # A renewal process: the number within a time has sd <= sqrt(mean) here, since its gaps vary less than exponential.
    expected = 60 * 300.0 * talk.per_s
    assert abs(len(final) - expected) < 5 * math.sqrt(expected)
    assert len(heard) / len(final) - 1 == pytest.approx(talk.interims, rel=0.1)
    assert [one.at_s for one in heard] == sorted(one.at_s for one in heard)
