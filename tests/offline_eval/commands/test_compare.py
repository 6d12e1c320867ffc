"""emotion-eval compare --data, on tones."""

import json
from pathlib import Path

import pytest

from tests.offline_eval.command import emotion_eval

FILES = {"compare.md", "compare.json", "predictions.csv"}


@pytest.fixture
def compared(tones, tmp_path, capsys) -> tuple[Path, str]:
    """A folder of results, and what was printed."""
    options = ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "out")]
    assert (
        emotion_eval("compare", "--data", str(tones), "--systems", "class-prior,uniform", "--folds", "3", *options) == 0
    )
    return tmp_path / "out", capsys.readouterr().out


def test_what_is_printed_is_kept_beside_json_and_the_answers(compared):
    out, printed = compared
    assert {file.name for file in out.iterdir()} == FILES
    assert (out / "compare.md").read_text(encoding="utf-8") == printed
    found = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    assert found["schema"] == "emotion-eval/compare/1"
    assert found["first"] == "class-prior"
    assert found["bootstrap"] == {"cluster": "speaker", "level": 0.95, "interval": "BCa", "draws": 2000, "seed": 0}
    assert (found["clips"], found["speakers"]) == ({"tones": 120, "all": 120}, {"tones": 6})
    assert list(found["differences"]) == ["uniform"]
    assert list(found["scores"]["uniform"]["all"]) == ["macro_f1", "uar", "accuracy", "nll", "brier", "ece"]


def test_answers_made_elsewhere_are_judged_first_and_score_the_same(compared, tones, tmp_path):
    out, _ = compared
    options = ["--cache", str(tmp_path / "cache"), "--out", str(tmp_path / "again")]
    made = ["--predictions", str(out / "predictions.csv"), "--systems", ""]
    assert emotion_eval("compare", "--data", str(tones), *made, "--folds", "3", *options) == 0
    again = json.loads((tmp_path / "again" / "compare.json").read_text(encoding="utf-8"))
    assert again == json.loads((out / "compare.json").read_text(encoding="utf-8"))


def test_a_temperature_fitted_on_other_folds_is_said_and_makes_no_difference_to_the_uniform(tones, tmp_path, capsys):
    options = ["--cache", str(tmp_path), "--systems", "uniform", "--temper"]
    assert emotion_eval("compare", "--data", str(tones), "--folds", "2", *options) == 0
    printed = capsys.readouterr().out
    assert "at a temperature fitted on the other folds" in printed
    assert "| uniform | 0.100 [0.100, 0.100] | 1.386 [1.386, 1.386] | 0.750 [0.750, 0.750] |" in printed


def test_a_finished_model_is_compared_only_on_a_split(tones, capsys):
    assert emotion_eval("compare", "--data", str(tones), "--model", "ltu-as-mini") == 2
    assert "add --split" in capsys.readouterr().err


def test_nothing_to_compare_and_an_unknown_system_are_a_line_each(tones, tmp_path, capsys):
    assert emotion_eval("compare") == 2
    assert "nothing to compare" in capsys.readouterr().err
    assert emotion_eval("compare", "--data", str(tones), "--systems", "magic", "--cache", str(tmp_path)) == 2
    assert "no system 'magic'" in capsys.readouterr().err
