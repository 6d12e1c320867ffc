"""emotion-eval report --model: ordinary speech through a random model that gets to know voices."""

import json

import numpy as np
import pytest
import soundfile

from core.ltu_as.tiny import save_tiny
from tests.offline_eval.command import emotion_eval

RATE = 16_000


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("anchored")
    save_tiny(folder, anchored=True)
    return folder


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """Two recordings, of two and of one stretch of a buzz that counts as speech."""
    folder = tmp_path_factory.mktemp("room")
    t = np.arange(2 * RATE) / RATE
    harmonics = sum(np.sin(2 * np.pi * 140 * n * t) / n for n in range(1, 20))
    buzz = (3000 * harmonics * (1.2 + np.sin(2 * np.pi * 4 * t))).astype(np.int16)
    silence = np.zeros(2 * RATE, np.int16)
    soundfile.write(folder / "a.wav", np.concatenate([silence, buzz, silence, buzz, silence]), RATE)
    soundfile.write(folder / "b.flac", np.concatenate([silence, buzz, silence]), RATE)
    return folder


@pytest.mark.parametrize("adapts", [False, True])
def test_a_folder_becomes_a_table_by_length_for_people_and_for_programs(model, room, tmp_path, capsys, adapts):
    options = ("--adapt",) if adapts else ()
    assert emotion_eval("report", room, "--model", model, "--out", tmp_path, *options) == 0
    printed = capsys.readouterr().out
    assert f"| {room} | all | 3 | 0.1 |" in printed
    assert f"to which the model {'adapts' if adapts else 'does not adapt'}" in printed
    assert (tmp_path / "ordinary.md").read_text() == printed
    kept = json.loads((tmp_path / "ordinary.json").read_text())
    shares = kept["speech"][str(room)]["all"]
    assert shares["utterances"] == 3
    assert shares["loud"] == pytest.approx(1 - shares["dominant"]["neutral"])


def test_a_folder_without_recordings_and_a_run_with_options_of_speech_are_a_line_each(model, tmp_path, capsys):
    assert emotion_eval("report", tmp_path, "--model", model) == 2
    assert "no recordings" in capsys.readouterr().err
    assert emotion_eval("report", tmp_path, "--data", tmp_path) == 2
    assert emotion_eval("report", tmp_path, "--adapt") == 2
    assert "add --model" in capsys.readouterr().err


def test_logistic_regression_on_the_same_features_hears_the_same_speech(model, room, tones, tmp_path):
    options = ("--model", model, "--data", tones, "--cache", tmp_path / "cache", "--out", tmp_path)
    assert emotion_eval("report", room, *options) == 0
    kept = json.loads((tmp_path / "ordinary.json").read_text())
    assert "logistic regression" in kept["about"]
    by_model, by_regression = kept["speech"].values()
    assert list(kept["speech"]) == [str(room), f"{room}, logistic regression"]
    same = ("utterances", "seconds", "refused")
    assert [by_model["all"][name] for name in same] == [by_regression["all"][name] for name in same]
    assert by_model["all"]["mean"] != by_regression["all"]["mean"]


def test_a_recording_that_a_table_names_twice_is_refused(model, room, tmp_path, capsys):
    rows = [f"books,b,b_1,unlabelled,dev,{room / 'b.flac'}"] * 2
    (tmp_path / "manifest.csv").write_text(
        "\n".join(["dataset,clip_id,speaker,intended_emotion,split,path", *rows]), encoding="utf-8"
    )
    assert emotion_eval("report", tmp_path / "manifest.csv", "--model", model) == 2
    assert "two clips of books have the id b" in capsys.readouterr().err
