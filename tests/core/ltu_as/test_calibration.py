import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.distribution import EMOTIONS, EmotionDistribution
from core.errors import ModelError
from core.ltu_as.abstention import Abstention, Outlier
from core.ltu_as.calibration import (
    Calibration,
    Correction,
    Entry,
    LogProbabilities,
    load_calibration,
    log_of,
)

PRIOR = LogProbabilities(anger=-0.5, happiness=-2.0, sadness=-2.5, neutral=-1.5)
ENTRY = Entry(prompt="single", readout="seq_logprob", temperature=1.7, prior=PRIOR, prior_strength=0.4)
CALIBRATION = Calibration(
    model_sha256="ab" * 32,
    fitted_on="490 clips of 5 speakers",
    entries=(ENTRY, replace(ENTRY, prompt="ambiguous"), replace(ENTRY, readout="softmax_mean", scope="emotion_tokens")),
    abstention=Abstention(
        min_speech_s=0.6,
        min_level_dbfs=-55.5,
        min_answer_mass={"single": 0.25},
        outlier=Outlier(mean=(0.0, 1.0), inverse_std=(1.0, 2.0), max_distance=2.5),
    ),
)

distributions = st.lists(st.floats(1e-6, 1), min_size=4, max_size=4).map(EmotionDistribution.from_weights)
priors = st.lists(st.floats(-8, 0), min_size=4, max_size=4).map(
    lambda p: LogProbabilities(**dict(zip(EMOTIONS, p, strict=True)))
)


@given(distributions, priors, st.floats(0.05, 20), st.floats(0, 1))
def test_a_correction_is_its_formula(p, prior, temperature, strength):
    q = Correction(temperature=temperature, prior=prior, prior_strength=strength).apply(p)
    weights = [(math.log(pi) - strength * ri) / temperature for pi, ri in zip(p, prior, strict=True)]
    np.testing.assert_allclose(list(q), list(EmotionDistribution.from_log_weights(weights)), atol=1e-12)


@given(distributions, priors)
def test_temperature_1_and_no_prior_change_nothing(p, prior):
    q = Correction(temperature=1, prior=prior, prior_strength=0).apply(p)
    np.testing.assert_allclose(list(q), list(p), atol=1e-12)


@given(priors, st.floats(0.1, 10))
def test_what_the_model_says_to_silence_says_nothing(prior, temperature):
    said = EmotionDistribution.from_log_weights(list(prior))
    q = Correction(temperature=temperature, prior=prior, prior_strength=1).apply(said)
    np.testing.assert_allclose(list(q), [0.25] * 4, atol=1e-6)


@given(distributions, st.floats(1.01, 20))
def test_a_temperature_above_1_evens_out_and_keeps_the_order(p, temperature):
    q = Correction(temperature=temperature, prior=PRIOR, prior_strength=0).apply(p)
    assert q.entropy >= p.entropy - 1e-9
    assert p.as_dict()[q.dominant] >= max(p) - 1e-9


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.floats(0, 1), distributions)
def test_between_a_stranger_and_a_voice_that_is_known_the_temperature_goes_evenly(stranger, known, weight, p):
    prior = replace(PRIOR)
    both = Correction(temperature=stranger, prior=prior, prior_strength=0.2, adapted_temperature=known)
    between = replace(both, temperature=stranger + weight * (known - stranger), adapted_temperature=None)
    np.testing.assert_allclose(list(both.apply(p, weight)), list(between.apply(p)), atol=1e-9)
    np.testing.assert_allclose(list(between.apply(p, weight)), list(between.apply(p)), atol=1e-12)


def test_a_clipped_zero_is_no_certainty():
    q = Correction(temperature=10, prior=PRIOR, prior_strength=0).apply(EmotionDistribution(0.5, 0.5, 0.0, 0.0))
    assert 0.01 < q.sadness < 0.1


def test_many_readings_are_corrected_at_once():
    p = np.array([[0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.5, 0.0]])
    q = np.exp(ENTRY.corrected(log_of(p)))
    for before, after in zip(p, q, strict=True):
        np.testing.assert_allclose(list(ENTRY.apply(EmotionDistribution(*before))), after, atol=1e-12)


def test_a_calibration_survives_its_file(tmp_path):
    CALIBRATION.to_json(tmp_path / "calibration.json")
    assert Calibration.from_json(tmp_path / "calibration.json") == CALIBRATION
    assert [file.name for file in tmp_path.iterdir()] == ["calibration.json"]
    assert json.loads((tmp_path / "calibration.json").read_text())["entries"][0]["prior"]["sadness"] == -2.5


def test_an_entry_holds_for_its_own_prompt_and_readout_only():
    assert CALIBRATION.entry("single", "seq_logprob", "mean", "all") == ENTRY
    assert CALIBRATION.entry("single", "softmax_mean", "mean", "emotion_tokens") is not None
    for way in [("single", "softmax_mean", "mean", "all"), ("single", "seq_logprob", "sum", "all"), ("?", "x", "", "")]:
        assert CALIBRATION.entry(*way) is None


def test_a_folder_without_the_file_has_no_calibration(tmp_path):
    assert load_calibration(tmp_path, model_sha256="", d_model=2) is None


def test_the_identifier_changes_with_the_file(tmp_path):
    def identifier(calibration):
        calibration.to_json(tmp_path / "calibration.json")
        return load_calibration(tmp_path, model_sha256="ab" * 32, d_model=2).identifier

    first = identifier(CALIBRATION)
    assert len(first) == 12
    assert int(first, 16) >= 0
    assert identifier(CALIBRATION) == first != identifier(replace(CALIBRATION, fitted_on="others"))


@pytest.mark.parametrize(
    ("fitted_for", "d_model", "complaint"),
    [
        ("cd" * 32, 2, "model_sha256: fitted for weights abababababab, not cdcdcdcdcdcd"),
        ("ab" * 32, 3, "abstention.outlier.mean: 2 numbers, the model has 3"),
    ],
)
def test_a_calibration_of_another_model_is_refused(tmp_path, fitted_for, d_model, complaint):
    CALIBRATION.to_json(tmp_path / "calibration.json")
    with pytest.raises(ModelError) as caught:
        load_calibration(tmp_path, model_sha256=fitted_for, d_model=d_model)
    assert caught.value.one_line().startswith(f"{tmp_path / 'calibration.json'}: {complaint}")
    assert "emotion-eval calibrate" in caught.value.hint


def broken(change):
    values = {"format": "emotion-monitor/calibration/1", "model_sha256": "ab", "fitted_on": "?"}
    entry = {"prompt": "single", "readout": "first_piece", "temperature": 2, "prior_strength": 0.5}
    values["entries"] = [entry | {"prior": dict.fromkeys(EMOTIONS, -1.4)}]
    values["abstention"] = {"outlier": {"mean": [0, 0], "inverse_std": [1, 1], "max_distance": 2}}
    return change(values) or values


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda v: v.update(format="x"), "not a calibration"),
        (lambda v: [v], "not a calibration"),
        (lambda v: v.update(extra=1), "extra: "),
        (lambda v: v.pop("fitted_on") and None, "fitted_on: field required"),
        (lambda v: v["entries"][0].update(temperature=0), "entries.0.temperature: input should be greater than 0"),
        (lambda v: v["entries"][0].update(temperature=math.nan), "entries.0.temperature: "),
        (lambda v: v["entries"][0].update(readout="guess"), "entries.0.readout: "),
        (lambda v: v["entries"][0].update(prior_strength=1.1), "entries.0.prior_strength: "),
        (lambda v: v["entries"][0]["prior"].update(joy=-1), "entries.0.prior.joy: "),
        (lambda v: v["entries"][0]["prior"].update(anger=-math.inf), "entries.0.prior.anger: "),
        (lambda v: v["entries"][0]["prior"].pop("anger") and None, "entries.0.prior.anger: field required"),
        (lambda v: v["entries"].append(v["entries"][0]), "2 entries for single/first_piece/mean/all"),
        (lambda v: v["abstention"].update(min_speech_s=-1), "abstention.min_speech_s: "),
        (lambda v: v["abstention"].update(min_answer_mass={"single": 2}), "abstention.min_answer_mass.single: "),
        (lambda v: v["abstention"]["outlier"].update(mean=[0]), "abstention.outlier: "),
        (lambda v: v["abstention"]["outlier"].update(inverse_std=[1, 0]), "abstention.outlier.inverse_std.1: "),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_names_file_and_key(tmp_path, change, complaint):
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(broken(lambda _: None)))
    Calibration.from_json(path)
    path.write_text(json.dumps(broken(change)))
    with pytest.raises(ModelError) as caught:
        Calibration.from_json(path)
    line = caught.value.one_line()
    assert line.startswith(f"{path}: ")
    assert complaint in line
    assert "\n" not in line


@pytest.mark.parametrize("content", [b"{", b"\xff", b"null"])
def test_a_file_that_is_no_json_object_is_one_line(tmp_path, content):
    (tmp_path / "calibration.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"calibration\.json: not "):
        Calibration.from_json(tmp_path / "calibration.json")
