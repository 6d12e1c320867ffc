"""The run of the real program that is kept, simulated again."""

import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.fleet.simulation import simulate
from benchmarks.fleet.small_run import MOST_DEVIATION, Measured, replayed
from benchmarks.simulate_fleet import MEASURED

ROWS = json.loads((MEASURED / "fleet-small-run.json").read_text())["rows"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['workers']} workers")
def test_the_simulation_is_within_a_tenth_of_what_the_program_did(row):
    measured = Measured.from_lists(row["trace"])
    _, simulated = replayed(measured, row["workers"])
    assert len(measured.heard) == row["utterances"] == simulated.answered
    assert simulated.sojourns_s.mean() == pytest.approx(measured.sojourn_s.mean(), rel=MOST_DEVIATION)


@pytest.mark.parametrize("other", [{"workers": 1}, {"workers": 3}, {"dispatch": "at random"}], ids=str)
def test_another_fleet_would_be_told_from_it(other):
    row = next(row for row in ROWS if row["workers"] == 2)
    measured = Measured.from_lists(row["trace"])
    fleet, _ = replayed(measured, 2)
    simulated = simulate(measured.heard, replace(fleet, **other), np.random.default_rng(0))
    assert abs(simulated.sojourns_s.mean() / measured.sojourn_s.mean() - 1) > MOST_DEVIATION


def test_what_a_worker_takes_is_told_from_what_the_way_takes():
    at_s = np.array([0.0, 0.1, 5.0, 5.2, 9.0])
    sojourn_s = np.array([1.5, 2.5, 1.5, 2.4, 1.5])  # 1.1 of the worker; the second and the fourth waited for one
    measured = Measured(at_s, sojourn_s, np.ones(5), np.arange(5), 0)
    assert measured.service_and_hop_s(1) == pytest.approx((1.1, 0.2))
