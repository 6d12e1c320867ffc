from pathlib import Path

from tests.offline_eval.command import emotion_eval


def test_a_data_folder_of_no_known_kind_is_one_line_that_names_the_kinds(tmp_path, capsys):
    arguments = ["--whisper", str(tmp_path), "--out", str(tmp_path / "out")]
    assert emotion_eval("train", "--data", str(tmp_path), *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"emotion-eval: {tmp_path}: no data set is known by its files (give KIND:PATH, such as")
    assert line.endswith("kinds: ravdess, nemo, emodb, tess, crema-d, csv, manifest)")


def test_an_unknown_dev_speaker_is_one_line_with_the_speakers_there_are(tones: Path, tmp_path, capsys):
    arguments = ["--whisper", str(tmp_path), "--out", str(tmp_path / "out"), "--dev-speakers", "0, 9"]
    assert emotion_eval("train", "--data", f"csv:{tones}", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("emotion-eval: no speaker '9' in the data (speakers: tones_0, tones_1,")


def test_a_folder_without_whisper_is_one_line(tones: Path, tmp_path, capsys):
    assert emotion_eval("train", "--data", str(tones), "--whisper", str(tmp_path), "--out", str(tmp_path / "out")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"emotion-eval: {tmp_path}: not a Whisper model")
    assert not (tmp_path / "out").exists()


def test_one_command_trains_a_model_from_a_table(tones: Path, small_whisper: Path, tmp_path, capsys):
    folders = ["--whisper", str(small_whisper), "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    options = [
        "--set",
        "encoder_layers=2",
        "--set",
        "epochs=1",
        "--set",
        "variants=1",
        "--threads",
        "1",
        "--name",
        "mine",
        "--set",
        "seed=5",
    ]
    options += ["--dev-speakers", "0,tones_3", "--log", str(tmp_path / "log")]
    assert emotion_eval("train", "--data", str(tones), *folders, *options) == 0
    printed = capsys.readouterr()
    assert "| uniform |" in printed.out
    assert "dev 40 clips of 2 speaker(s) (tones_0, tones_3)" in printed.err
    assert "epoch 1: loss" in printed.err
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "config.json",
        "learned_from.json",
        "model.safetensors",
        "tokenizer.json",
        "MODEL_CARD.md",
        "LICENSE",
    }
    rows = (tmp_path / "log" / "training.csv").read_text().splitlines()
    assert [row.split(",")[3] for row in rows[1:]] == ["tones", "all"]
    assert (tmp_path / "log" / "training.png").read_bytes().startswith(b"\x89PNG")
    assert "# mine" in (tmp_path / "out" / "MODEL_CARD.md").read_text()
