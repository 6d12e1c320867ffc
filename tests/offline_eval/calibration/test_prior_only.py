"""emotion-eval calibrate --content-free, on a random model."""

import dataclasses
import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.distribution import EMOTIONS, EmotionDistribution
from core.ltu_as import interpretation
from core.ltu_as.calibration import Calibration, load_calibration
from core.ltu_as.decode import Decoding
from core.ltu_as.reader import LTUASReader
from core.ltu_as.readout import readout
from core.ltu_as.tiny import save_tiny
from offline_eval.calibration import hearing, prior_only
from offline_eval.sounds.content_free import content_free_by_kind
from tests.offline_eval.command import emotion_eval


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory) -> Path:
    """Calibrated by one sound of each kind, with short answers: those of a random model have no end."""
    folder = tmp_path_factory.mktemp("corrected") / "model"
    shutil.copytree(tiny, folder)
    with pytest.MonkeyPatch.context() as patch:
        one_of_each = {kind: sounds[:1] for kind, sounds in content_free_by_kind(3).items()}
        patch.setattr(hearing, "content_free_by_kind", lambda _: one_of_each)
        patch.setattr(hearing, "ROUNDS", 1)
        patch.setattr(interpretation, "WRITTEN", Decoding(max_new_tokens=4))
        assert emotion_eval("calibrate", "--model", str(folder), "--content-free", "--ensemble", "orders") == 0
    return folder


def test_the_prior_is_the_mean_of_what_the_model_says_to_sounds_without_content(folder, tiny):
    calibration = Calibration.from_json(folder / "calibration.json")
    model = LTUASReader(tiny).model
    sounds = [sounds[0] for sounds in content_free_by_kind(3).values()]
    said = [list(readout(steps, kind="seq_logprob")) for steps in model.step_logits_batch(sounds, prompt="ambiguous")]
    entry = calibration.entry("ambiguous", "seq_logprob", "mean", "all")
    assert np.exp(list(entry.prior)) == pytest.approx(np.mean(said, axis=0), abs=0.02)  # the reader rounds to 16 bit
    assert {(entry.temperature, entry.prior_strength) for entry in calibration.entries} == {(1, 1)}
    assert {entry.ensemble for entry in calibration.entries} == {"off", "orders"}
    assert not any("linear" in entry.readout for entry in calibration.entries)
    assert (calibration.labelled, calibration.abstention, calibration.neutral_odds) == (False, None, 1)


@pytest.mark.parametrize("ensemble", ["off", "orders"])
def test_what_it_takes_off_is_named_and_the_reading_stays_uncalibrated(folder, tiny, ensemble):
    sound = (np.random.default_rng(0).normal(size=16_000) * 3000).astype(np.int16)
    plain, corrected = LTUASReader(tiny, ensemble=ensemble), LTUASReader(folder, ensemble=ensemble)
    loaded = load_calibration(folder, model_sha256=corrected.stamp.sha256, d_model=16)
    assert corrected.stamp == dataclasses.replace(
        plain.stamp, readout=f"{plain.stamp.readout}/prior={loaded.identifier}", calibration=None
    )
    (before,), (after,) = plain.read([sound]), corrected.read([sound])
    prior = loaded.calibration.entry("single", "seq_logprob", "mean", "all", ensemble).prior
    expected = EmotionDistribution.from_log_weights(
        [math.log(p) - log_prior for p, log_prior in zip(before.distribution, prior, strict=True)]
    )
    assert list(after.distribution) == pytest.approx(list(expected), abs=1e-6)


def test_what_is_said_to_sounds_without_content_is_read_as_nothing(folder):
    for entry in Calibration.from_json(folder / "calibration.json").entries:
        said = EmotionDistribution.from_log_weights(list(entry.prior))
        assert list(entry.apply(said)) == pytest.approx([0.25] * len(EMOTIONS), abs=1e-4)


def test_a_better_calibration_is_not_overwritten_and_one_of_its_own_kind_is(folder, tmp_path, capsys):
    assert prior_only.place_of(folder, None) == folder / "calibration.json"
    assert emotion_eval("calibrate", "--model", "ltu-as-mini", "--content-free") == 2
    assert "was fitted on labelled speech" in capsys.readouterr().err
    assert prior_only.place_of(folder, tmp_path / "new.json") == tmp_path / "new.json"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--content-free", "--data", "DIR"), "--content-free, and --data"),
        ((), "there is nothing to calibrate on"),
        (("--content-free", "--ensemble", "order"), "did you mean orders?"),
    ],
)
def test_what_does_not_go_together_is_one_line(options, said, capsys):
    assert emotion_eval("calibrate", "--model", "ltu-as-mini", *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
