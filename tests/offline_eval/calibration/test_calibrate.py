"""emotion-eval calibrate, on a random model and tones."""

import csv
from contextlib import suppress

import numpy as np
import pytest
import soundfile

from core.ltu_as import interpretation
from core.ltu_as.abstention import REASONS
from core.ltu_as.calibration import Calibration
from core.ltu_as.checkpoint import folder_sha256
from core.ltu_as.decode import Decoding
from core.ltu_as.reader import LTUASReader
from core.ltu_as.tiny import save_tiny
from core.speech_llm.reader import SpeechLLMReader
from offline_eval.calibration import hearing
from offline_eval.sounds.content_free import content_free_by_kind
from tests.offline_eval.command import emotion_eval
from tests.tiny_speech_llms import save_qwen2_5_omni


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """One content-free sound of each kind, and short answers: those of a random model have no end."""

    def one_of_each(seed):
        return {kind: sounds[:1] for kind, sounds in content_free_by_kind(seed).items()}

    monkeypatch.setattr(hearing, "content_free_by_kind", one_of_each)
    monkeypatch.setattr(hearing, "ROUNDS", 1)
    monkeypatch.setattr(interpretation, "WRITTEN", Decoding(max_new_tokens=8))


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


@pytest.mark.slow
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
    for cell in (
        "single | seq_logprob | 16 | 0",
        "ambiguous | vocab_prob | 16 | 0",
        "dev speech, disturbed | single | 16",
    ):
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
        arguments = ("--data", table, "--training-clips", 0, "--neutral-odds", 2, "--out", tmp_path / name)
        assert emotion_eval("calibrate", "--model", model, *arguments) == 0
    one, two = (Calibration.from_json(tmp_path / name) for name in ("one.json", "two.json"))
    assert one == two
    assert one.neutral_odds == 2
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


def test_a_correction_for_strangers_is_fitted_on_corpora_that_other_models_were_trained_without(
    model, table, strangers, tmp_path, capsys
):
    out = tmp_path / "strangers.json"
    left_out = ("--left-out", f"far={model}", "--left-out", f"away={model}")
    arguments = ("--data", table, "--data", strangers, *left_out, "--training-clips", 0, "--out", out)
    assert emotion_eval("calibrate", "--model", model, *arguments) == 0
    printed = capsys.readouterr().out
    assert "of corpora that it did not learn from (away, far)" in printed
    assert "each corpus corrected by a fit to the others" in printed
    assert Calibration.from_json(out).fitted_on.endswith("of corpora that it did not learn from (away, far)")


@pytest.mark.parametrize(
    ("left_out", "complaint"),
    [
        (["far=MODEL"], "one corpus was left out"),
        (["far=MODEL", "near=MODEL"], "no clips of near (corpora of the data: away, far, some)"),
        (["far"], "'far' is not CORPUS=MODEL"),
    ],
)
def test_what_was_not_left_out_is_named(model, strangers, capsys, left_out, complaint):
    table = strangers.with_name("some.csv")
    arguments = [part for one in left_out for part in ("--left-out", one.replace("MODEL", str(model)))]
    with suppress(SystemExit):
        assert emotion_eval("calibrate", "--model", model, "--data", table, "--data", strangers, *arguments) == 2
    assert complaint in capsys.readouterr().err


def test_a_model_that_gets_to_know_voices_is_corrected_by_what_is_known_of_a_stream(table, tmp_path, capsys):
    save_tiny(tmp_path / "model", anchored=True)
    arguments = ("--data", table, "--training-clips", 0)
    assert emotion_eval("calibrate", "--model", tmp_path / "model", *arguments) == 0
    printed = capsys.readouterr().out
    assert "| single | seq_logprob | 16 | 0 |" in printed
    assert "| single | seq_logprob | 16 | 20 |" in printed
    for entry in Calibration.from_json(tmp_path / "model" / "calibration.json").entries:
        assert entry.adapted_temperature <= entry.temperature


def test_ordinary_speech_of_dev_speakers_takes_part_in_what_is_refused(model, table, tmp_path, capsys):
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    path = table.with_name("ordinary.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=[*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
        writer.writerows(row | {"label": "unlabelled", "speaker": f"other_{row['speaker']}"} for row in rows)
    arguments = ("--training-clips", 0, "--out", tmp_path / "c.json", "--ensemble", "orders")
    assert emotion_eval("calibrate", "--model", model, "--data", path, *arguments) == 0
    printed = capsys.readouterr().out
    assert "| ordinary speech | single |" in printed
    assert "| single, orders | seq_logprob | 16 |" in printed, "and an ensemble is corrected too"
    calibration = Calibration.from_json(tmp_path / "c.json")
    assert calibration.labelled
    assert calibration.entry("single", "seq_logprob", "mean", "all", "orders") is not None
    assert set(calibration.abstention.min_answer_mass) <= {"single", "ambiguous"}


def test_a_speech_llm_is_calibrated_as_ltu_as_is(table, tmp_path):
    folder, made = tmp_path / "omni", tmp_path / "made.json"
    folder.mkdir()
    save_qwen2_5_omni(folder)
    arguments = ("--data", table, "--training-clips", 4, "--out", made)
    assert emotion_eval("calibrate", "--model", folder, *arguments) == 0
    made.replace(folder / "calibration.json")
    reader = SpeechLLMReader(folder)
    assert reader.stamp.calibration is not None
    (reading,) = reader.read([np.zeros(16_000, np.int16)])
    assert reading.reason == "too quiet"
