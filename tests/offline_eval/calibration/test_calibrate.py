"""emotion-eval calibrate, on a random model and tones."""

import csv

import numpy as np
import pytest
import soundfile

from core.ltu_as.abstention import REASONS
from core.ltu_as.calibration import Calibration
from core.ltu_as.checkpoint import folder_sha256
from core.ltu_as.reader import LTUASReader
from core.ltu_as.tiny import save_tiny
from offline_eval.calibration import hearing
from offline_eval.sounds.content_free import content_free_by_kind
from tests.offline_eval.command import emotion_eval


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """One content-free sound of each kind: a random model writes long answers."""

    def one_of_each(seed):
        return {kind: sounds[:1] for kind, sounds in content_free_by_kind(seed).items()}

    monkeypatch.setattr(hearing, "content_free_by_kind", one_of_each)
    monkeypatch.setattr(hearing, "ROUNDS", 1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def table(tones):
    """The tones, of which two takes of each speaker and label are enough."""
    with tones.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].endswith(("_0.wav", "_1.wav"))]
    path = tones.with_name("some.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_calibrated_folder_reads_accordingly_and_the_report_says_what_that_is_worth(model, table, tmp_path, capsys):
    marks = tmp_path / "marks"
    marks.mkdir()
    noise = (np.random.default_rng(0).normal(size=32_000) * 500).astype(np.int16)
    soundfile.write(marks / "a.flac", noise, 16_000)
    (marks / "segments.csv").write_text("clip_id,start_s,end_s,label\na,0,0.4,speech\na,0.4,1.4,nonspeech\n")
    assert emotion_eval("calibrate", "--model", model, "--data", table, "--vad", marks, "--training-clips", 10) == 0
    printed = capsys.readouterr()
    assert "Fitted on 16 clips of 2 dev speakers (some)" in printed.out
    assert f"| {' | '.join(REASONS)} |" in printed.out
    for cell in ("single | seq_logprob | 16", "ambiguous | vocab_prob | 16", "dev speech, disturbed | single | 16"):
        assert f"| {cell} |" in printed.out
    assert "| marked as nonspeech | ambiguous | 1 |" in printed.out
    assert "marked as speech" not in printed.out, "it is shorter than half a second"
    assert "Traceback" not in printed.err

    calibration = Calibration.from_json(model / "calibration.json")
    assert calibration.model_sha256 == folder_sha256(model)
    assert {(entry.prompt, entry.readout) for entry in calibration.entries} >= {
        (prompt, readout)
        for prompt in ("single", "ambiguous")
        for readout in ("seq_logprob", "first_piece", "softmax_mean", "mean_softmax", "vocab_prob")
    }
    reader = LTUASReader(model)
    assert reader.stamp.calibration is not None
    assert reader.read([np.zeros(16_000, np.int16)])[0].reason == "too quiet"


def test_the_outcome_can_be_written_elsewhere_and_again(model, table, tmp_path):
    before = (model / "calibration.json").read_bytes() if (model / "calibration.json").exists() else None
    for name in ("one.json", "two.json"):
        arguments = ("--data", table, "--training-clips", 0, "--out", tmp_path / name)
        assert emotion_eval("calibrate", "--model", model, *arguments) == 0
    one, two = (Calibration.from_json(tmp_path / name) for name in ("one.json", "two.json"))
    assert one == two
    assert one.abstention.outlier is None
    assert ((model / "calibration.json").read_bytes() if before else None) == before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--dev-speakers", "some_0"], "emotion-eval: 1 dev speaker(s) in the data (a calibration is"),
        (["--model", "nowhere"], "emotion-eval: nowhere: no such model"),
        (["--vad", "nowhere"], "emotion-eval: nowhere/segments.csv: cannot be read"),
    ],
)
def test_what_cannot_be_used_is_one_line(model, table, capsys, arguments, line):
    assert emotion_eval("calibrate", "--model", model, "--data", table, *arguments) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(line)


def test_marks_that_are_no_numbers_are_named(model, table, tmp_path, capsys):
    (tmp_path / "segments.csv").write_text("clip_id,start_s,end_s,label\na,zero,1,speech\n")
    assert emotion_eval("calibrate", "--model", model, "--data", table, "--vad", tmp_path) == 2
    assert "line 2: start_s 'zero' is not a number of seconds" in capsys.readouterr().err


@pytest.fixture
def strangers(table):
    """The same tones as two corpora of other people."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    path = table.with_name("strangers.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=[*rows[0], "corpus"])
        writer.writeheader()
        for corpus in ("far", "away"):
            writer.writerows(row | {"corpus": corpus, "speaker": f"{corpus}_{row['speaker']}"} for row in rows)
    return path


def test_a_correction_for_strangers_is_fitted_on_corpora_that_the_model_did_not_learn_from(
    model, table, strangers, tmp_path, capsys
):
    out = tmp_path / "strangers.json"
    arguments = ("--data", table, "--strangers", strangers, "--training-clips", 0, "--out", out)
    assert emotion_eval("calibrate", "--model", model, *arguments) == 0
    printed = capsys.readouterr().out
    assert "of corpora that it did not learn from (away, far)" in printed
    assert "each corpus corrected by a fit to the others" in printed
    assert "| corpora it did not learn from | single |" in printed
    assert Calibration.from_json(out).fitted_on.endswith("of corpora that it did not learn from (away, far)")


def test_one_corpus_of_strangers_is_too_few_to_judge_by_and_a_known_one_is_no_stranger(model, table, strangers, capsys):
    one = ("--strangers", strangers, "--without", "far")
    assert emotion_eval("calibrate", "--model", model, "--data", table, *one) == 2
    assert "the strangers are of fewer than two corpora" in capsys.readouterr().err
    assert emotion_eval("calibrate", "--model", model, "--data", strangers, "--strangers", strangers) == 2
    assert "emotion-eval:" in capsys.readouterr().err
