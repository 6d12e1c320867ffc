"""emotion-eval compare --data, on tones."""

import csv
import json
from pathlib import Path

import pytest

from core.distribution import EMOTIONS, EmotionDistribution
from core.ltu_as.tiny import save_tiny
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


@pytest.fixture(scope="module")
def two_corpora(tones) -> Path:
    """The tones, half of the speakers as another corpus."""
    with tones.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].endswith(("_0.wav", "_1.wav"))]
    path = tones.with_name("two.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=[*rows[0], "corpus"])
        writer.writeheader()
        writer.writerows(row | {"corpus": "even" if int(row["speaker"]) % 2 == 0 else "odd"} for row in rows)
    return path


def test_corpora_that_were_left_out_are_read_by_their_own_models_before_and_after_others_were_heard(
    two_corpora, tmp_path, capsys
):
    save_tiny(tmp_path / "model", anchored=True)
    left_out = [f"--left-out={corpus}={tmp_path / 'model'}" for corpus in ("even", "odd")]
    options = ("--heard", "0,3,3:anger,3:readings", "--systems", "class-prior", "--cache", tmp_path / "cache")
    assert emotion_eval("compare", "--data", two_corpora, *left_out, *options, "--out", tmp_path) == 0
    printed = capsys.readouterr().out
    assert "Each corpus of even, odd by what learned from the other corpora only." in printed
    streams = ["3 heard, 70 % neutral", "3 heard, 60 % anger", "3 heard, 70 % neutral, over its mean reading"]
    systems = ["tiny", *(f"tiny, {stream}" for stream in streams), "class-prior"]
    assert [*json.loads((tmp_path / "compare.json").read_text())["scores"]] == systems


def test_a_finished_model_reads_by_other_odds_of_neutral_speech(two_corpora, tmp_path, capsys):
    save_tiny(tmp_path / "model")
    left_out = [f"--left-out={corpus}={tmp_path / 'model'}" for corpus in ("even", "odd")]
    for odds in ("1", "3"):
        options = ("--systems", "uniform", "--cache", tmp_path / "cache", "--neutral-odds", odds)
        assert emotion_eval("compare", "--data", two_corpora, *left_out, *options, "--out", tmp_path / odds) == 0
    capsys.readouterr()
    alike, likelier = (
        [
            EmotionDistribution(*(float(row[emotion]) for emotion in EMOTIONS))
            for row in csv.DictReader((tmp_path / odds / "predictions.csv").read_text().splitlines())
            if row["system"] == "tiny"
        ]
        for odds in ("1", "3")
    )
    for before, after in zip(alike, likelier, strict=True):
        assert tuple(after) == pytest.approx(tuple(before.expecting(3)), abs=1e-5)


def test_what_is_scored_can_be_heard_by_telephone(two_corpora, small_whisper, tmp_path, capsys):
    systems = ("--systems", "mini-features-lr", "--whisper", small_whisper, "--set", "encoder_layers=2")
    folders = ("--cache", tmp_path, "--out", tmp_path)
    scores = []
    for options in ((), ("--condition", "telephone")):
        assert emotion_eval("compare", "--data", two_corpora, "--split", *systems, *folders, *options) == 0
        scores.append(json.loads((tmp_path / "compare.json").read_text())["scores"]["mini-features-lr"]["all"]["nll"])
    assert scores[0] != scores[1]
    assert "What is scored is heard through a line of 300 to 3400 Hz." in capsys.readouterr().out


def test_logistic_regression_on_the_features_of_a_small_model_is_a_system(two_corpora, small_whisper, tmp_path):
    systems = ("--systems", "mini-features-lr,uniform", "--whisper", small_whisper, "--set", "encoder_layers=2")
    folders = ("--cache", tmp_path, "--out", tmp_path)
    assert emotion_eval("compare", "--data", two_corpora, "--split", *systems, *folders) == 0
    scores = json.loads((tmp_path / "compare.json").read_text())["scores"]
    assert scores["mini-features-lr"]["all"]["nll"]["value"] < scores["uniform"]["all"]["nll"]["value"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--left-out", "nowhere=MODEL"), "nowhere cannot be left out"),
        (("--left-out", "even=MODEL", "--heard", "some"), "'some' is neither a number of utterances"),
        (("--left-out", "even=MODEL", "--heard", "3:joy"), "'3:joy' is neither a number of utterances"),
        (("--left-out", "even=MODEL", "--heard", "3:readings:anger"), "'3:readings:anger' is neither a number"),
    ],
)
def test_a_corpus_or_a_stream_that_there_is_not_is_a_line(two_corpora, tmp_path, capsys, options, complaint):
    save_tiny(tmp_path / "model")
    named = [option.replace("MODEL", str(tmp_path / "model")) for option in options]
    assert emotion_eval("compare", "--data", two_corpora, *named, "--cache", tmp_path) == 2
    assert complaint in capsys.readouterr().err


def test_nothing_to_compare_and_an_unknown_system_are_a_line_each(tones, tmp_path, capsys):
    assert emotion_eval("compare") == 2
    assert "nothing to compare" in capsys.readouterr().err
    assert emotion_eval("compare", "--data", str(tones), "--systems", "magic", "--cache", str(tmp_path)) == 2
    assert "no system 'magic'" in capsys.readouterr().err
