"""What a measurement came to is printed, kept and checked in one way."""

import json
from dataclasses import dataclass

import pytest

from core.errors import UsageError
from monitor.bench.outcome import Outcome, Ratio, Telling, tell


@dataclass(frozen=True)
class Measured:
    seconds: float = 1.5


RATIOS = {"cost": Ratio(1.3), "gain": Ratio(2.0, "more")}


def outcome(*faults: str) -> Outcome:
    return Outcome(bench="demo", measured=Measured(), text="a table", ratios=RATIOS, faults=faults)


@pytest.mark.parametrize(
    ("limits", "status"),
    [([], 0), (["cost=1.5"], 0), (["cost=1.2"], 1), (["gain=2"], 0), (["gain=2.5"], 1), (["cost=1.5", "gain=3"], 1)],
)
def test_a_check_fails_by_a_ratio_beyond_its_limit_whichever_way_is_better(limits, status, capsys):
    assert tell(outcome(), Telling(check=limits)) == status
    assert ("nothing amiss" in capsys.readouterr().out) is (status == 0)


def test_what_is_amiss_on_every_machine_fails_a_check_and_is_told_without_one(capsys):
    assert tell(outcome("3 were dropped"), Telling(check=[])) == 1
    assert tell(outcome("3 were dropped"), Telling()) == 0
    assert capsys.readouterr().out.count("3 were dropped") == 2


@pytest.mark.parametrize(
    ("limit", "why"), [("price=1", "no ratio 'price'"), ("cost", "not a number"), ("cost=x", "'x'")]
)
def test_a_limit_that_is_none_is_a_mistake_in_one_line(limit, why):
    with pytest.raises(UsageError, match=why):
        tell(outcome(), Telling(check=[limit]))


def test_what_is_kept_is_what_is_printed_and_says_where_it_was_measured(tmp_path, capsys):
    tell(outcome(), Telling(as_json=True, keep=tmp_path / "results"))
    printed = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "results" / "demo.json").read_text()) == printed
    assert printed["measured"] == {"seconds": 1.5}
    assert printed["ratios"] == {"cost": 1.3, "gain": 2.0}
    assert {"processor", "cores", "versions", "load", "commit"} <= printed["conditions"].keys()


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="--keep: cannot write"):
        tell(outcome(), Telling(keep=tmp_path / "file"))
