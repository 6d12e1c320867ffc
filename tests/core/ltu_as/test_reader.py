import dataclasses
import hashlib
import json
import shutil
from typing import get_args

import numpy as np
import pytest
import soundfile
import soxr
import torch
from safetensors.torch import load_file, save_file

from core.distribution import EMOTIONS, js_divergence
from core.errors import ModelError, UsageError
from core.ltu_as.abstention import Abstention, Outlier, active_sound, answer_mass
from core.ltu_as.calibration import Calibration, Entry, LogProbabilities
from core.ltu_as.checkpoint import folder_sha256
from core.ltu_as.decode import Decoding
from core.ltu_as.ensemble import pooled, spread
from core.ltu_as.explanation import explain
from core.ltu_as.model import LTUAS
from core.ltu_as.precision import has_native_bfloat16
from core.ltu_as.reader import LTUASReader
from core.ltu_as.readout import Kind, readout
from core.ltu_as.tiny import save_tiny
from core.ltu_as.weight_files import WEIGHTS_NAME
from core.ltu_as.wordings import members
from core.model import EmotionModel

RATE = 16_000


def noise(n_samples, seed=0):
    return (np.random.default_rng(seed).normal(size=n_samples) * 3000).astype(np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    save_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def reader(folder) -> EmotionModel:
    return LTUASReader(folder)


def test_the_stamp_says_what_made_a_reading(folder, reader):
    assert reader.stamp.name == "tiny"
    assert reader.stamp.sha256 == folder_sha256(folder)
    assert (reader.stamp.prompt, reader.stamp.readout, reader.stamp.calibration) == ("single", "seq_logprob", None)
    assert (reader.device, reader.window_s) == ("cpu", 10.0)


def test_the_stamp_names_pool_and_scope_when_they_are_not_the_usual(folder):
    reader = LTUASReader(folder, readout="paper_linear", pool="sum", prompt="ambiguous")
    assert (reader.stamp.prompt, reader.stamp.readout) == ("ambiguous", "paper_linear/sum/all")


@pytest.mark.parametrize("prompt", ["single", "ambiguous"])
def test_verified_answers_give_the_same_readings_and_are_named_where_they_matter(folder, prompt):
    plain, quick = (
        LTUASReader(folder, prompt=prompt, readout="softmax_mean", decode=decode)
        for decode in ("autoregressive", "verified")
    )
    sounds = [noise(RATE), noise(3 * RATE, seed=1)]
    for one, other in zip(plain.read(sounds), quick.read(sounds), strict=True):
        np.testing.assert_allclose(list(one.distribution), list(other.distribution), atol=1e-5)
    assert (plain.stamp.readout, quick.stamp.readout) == ("softmax_mean", "softmax_mean/verified")
    assert LTUASReader(folder, prompt=prompt, decode="verified").stamp.readout == "seq_logprob", "no answer is written"


def test_other_odds_of_neutral_speech_move_the_reading_and_are_named(folder, reader):
    odds = LTUASReader(folder, neutral_odds=3)
    (before,), (after,) = reader.read([noise(RATE)]), odds.read([noise(RATE)])
    assert tuple(after.distribution) == pytest.approx(tuple(before.distribution.expecting(3)), abs=1e-6)
    assert odds.stamp == dataclasses.replace(reader.stamp, readout="seq_logprob/neutral_odds=3")


def test_a_reading_is_that_of_the_python_api(folder):
    steps = LTUAS.from_pretrained(folder).step_logits(noise(RATE))
    (reading,) = LTUASReader(folder, encoder_dtype="float32").read([noise(RATE)])
    np.testing.assert_allclose(list(reading.distribution), list(readout(steps, kind="seq_logprob")), atol=1e-5)


def test_bfloat16_hardly_moves_a_reading_and_is_what_a_processor_with_it_takes(folder):
    exact, rounded, usual = (LTUASReader(folder, encoder_dtype=dtype) for dtype in ("float32", "bfloat16", None))
    (expected,), (reading,) = exact.read([noise(RATE)]), rounded.read([noise(RATE)])
    assert 0 < js_divergence(reading.distribution, expected.distribution) < 1e-3
    assert usual.read([noise(RATE)])[0].distribution == (reading if has_native_bfloat16() else expected).distribution


def test_a_readout_over_the_answer_writes_the_answer(folder):
    reader = LTUASReader(folder, encoder_dtype="float32", readout="softmax_mean")
    steps = LTUAS.from_pretrained(folder).step_logits(noise(RATE), decoding=Decoding.greedy())
    assert len(steps.tokens) > 1
    (reading,) = reader.read([noise(RATE)])
    np.testing.assert_allclose(list(reading.distribution), list(readout(steps, kind="softmax_mean")), atol=1e-5)


def test_readings_keep_the_order_of_sounds_and_short_ones_say_so(reader):
    sounds = [noise(RATE), noise(200), noise(0), noise(11 * RATE, seed=1), noise(201)]
    readings = reader.read(sounds)
    assert [reading.reason for reading in readings] == [None, "too short", "too short", None, None]
    assert [reading.truncated_s for reading in readings] == [0, 0, 0, 1, 0]
    for sound, reading in zip(sounds, readings, strict=True):
        (alone,) = reader.read([sound])
        if alone.distribution:
            np.testing.assert_allclose(list(reading.distribution), list(alone.distribution), atol=1e-5)


def test_no_sound_no_reading(reader):
    assert reader.read([]) == []


def test_silence_and_full_scale_are_read(reader):
    full = np.full(RATE, -32768, np.int16)
    full[::2] = 32767
    assert all(reading.distribution for reading in reader.read([np.zeros(RATE, np.int16), full]))


def test_time_is_shared_among_the_utterances_of_a_batch(reader):
    readings = reader.read([noise(RATE)] * 3)
    assert len({(reading.features_ms, reading.llm_ms) for reading in readings}) == 1
    assert readings[0].features_ms > 0
    assert readings[0].llm_ms > 0


def test_a_model_whose_numbers_overflow_is_refused_when_it_is_loaded(tmp_path):
    save_tiny(tmp_path)
    tensors = load_file(tmp_path / WEIGHTS_NAME)
    tensors["llama.lm_head.weight"] = tensors["llama.lm_head.weight"] + torch.finfo(torch.float32).max / 2
    (tmp_path / WEIGHTS_NAME).unlink()
    save_file(tensors, tmp_path / WEIGHTS_NAME)
    with pytest.raises(ModelError, match="the model gives numbers that are not finite"):
        LTUASReader(tmp_path)


def test_numbers_that_overflow_later_give_no_distribution_but_a_reason(folder):
    reader = LTUASReader(folder)
    with torch.no_grad():
        reader.model.llama.lm_head.weight += torch.finfo(torch.float32).max / 2
    (reading,) = reader.read([noise(RATE)])
    assert (reading.distribution, reading.reason, reading.failed) == (None, "not finite", True)


@pytest.mark.parametrize(
    ("options", "word"),
    [({"readout": "guess"}, "guess"), ({"readout": "seq_logprob", "pool": "first"}, "pool"), ({"pool": "max"}, "max")],
)
def test_options_that_do_not_fit_are_refused(folder, options, word):
    with pytest.raises(UsageError, match=word):
        LTUASReader(folder, **options)


def test_the_folders_own_prompt_and_readout_are_the_defaults(tmp_path):
    save_tiny(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    values["defaults"] = {"prompt": "ambiguous", "readout": "first_piece"}
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert LTUASReader(tmp_path).stamp.prompt == "ambiguous"
    assert LTUASReader(tmp_path).stamp.readout == "first_piece"
    assert LTUASReader(tmp_path, prompt="single", readout="seq_logprob").stamp.prompt == "single"


@pytest.fixture(scope="module")
def calibrated(folder, tmp_path_factory):
    """The folder with a correction of one read-out and the thresholds given."""

    def build(neutral_odds=1.0, **thresholds):
        copy = tmp_path_factory.mktemp("calibrated")
        for file in folder.iterdir():
            (copy / file.name).symlink_to(file)
        prior = LogProbabilities(anger=-0.2, happiness=-3, sadness=-3, neutral=-3)
        Calibration(
            model_sha256=folder_sha256(folder),
            fitted_on="nothing",
            entries=(Entry(prompt="single", readout="seq_logprob", temperature=2, prior=prior, prior_strength=0.5),),
            abstention=Abstention(**thresholds),
            neutral_odds=neutral_odds,
        ).to_json(copy / "calibration.json")
        return copy

    return build


def test_a_calibrated_reading_is_the_corrected_one_and_says_so(calibrated, reader):
    folder = calibrated()
    heard = LTUASReader(folder)
    (before,), (after,) = reader.read([noise(RATE)]), heard.read([noise(RATE)])
    correction = Calibration.from_json(folder / "calibration.json").entries[0]
    np.testing.assert_allclose(list(after.distribution), list(correction.apply(before.distribution)), atol=1e-6)
    assert abs(after.distribution.anger - before.distribution.anger) > 0.02
    assert heard.stamp.calibration == hashlib.sha256((folder / "calibration.json").read_bytes()).hexdigest()[:12]


def test_neutral_speech_is_as_likely_as_the_calibration_says_unless_one_says_otherwise(calibrated):
    folder = calibrated(neutral_odds=4)
    usual, alike = LTUASReader(folder), LTUASReader(folder, neutral_odds=1)
    (said,), (before,) = usual.read([noise(RATE)]), alike.read([noise(RATE)])
    assert tuple(said.distribution) == pytest.approx(tuple(before.distribution.expecting(4)), abs=1e-6)
    assert (usual.stamp.readout, alike.stamp.readout) == ("seq_logprob", "seq_logprob/neutral_odds=1")
    assert usual.stamp.calibration == alike.stamp.calibration


@pytest.mark.parametrize("options", [{"calibrate": False}, {"prompt": "ambiguous"}, {"pool": "sum"}])
def test_a_reading_that_the_calibration_does_not_cover_stays_as_it_is_and_says_so(calibrated, folder, options):
    heard, plain = LTUASReader(calibrated(neutral_odds=4), **options), LTUASReader(folder, **options)
    assert heard.stamp == plain.stamp
    assert heard.stamp.calibration is None
    assert heard.read([noise(RATE)])[0].distribution == plain.read([noise(RATE)])[0].distribution


def test_refused_sounds_have_a_reason_and_no_distribution_and_keep_their_place(calibrated):
    sounds = [noise(RATE), noise(RATE // 4), noise(RATE) // 1000, noise(RATE), noise(100)]
    least = active_sound(sounds[0])
    heard = LTUASReader(calibrated(min_speech_s=least.duration_s, min_level_dbfs=least.level_dbfs - 3))
    readings = heard.read(sounds)
    assert [reading.reason for reading in readings] == [None, "too short", "too quiet", None, "too short"]
    assert [reading.distribution is None for reading in readings] == [False, True, True, False, True]


def test_what_the_model_makes_of_a_sound_can_refuse_it(calibrated, reader):
    (steps,) = reader.steps(reader.hear([noise(RATE)]), transcripts=[None])
    mean = Outlier(mean=tuple(steps.feature_mean.tolist()), inverse_std=(1.0,) * 16, max_distance=1e-3)
    for thresholds, reason in [
        ({"min_answer_mass": {"single": answer_mass(steps) * 1.01}}, "not speech"),
        ({"min_answer_mass": {"single": answer_mass(steps) * 0.99}}, None),
        ({"outlier": mean}, None),
        ({"outlier": dataclasses.replace(mean, mean=(9.0,) * 16)}, "unlike training"),
    ]:
        (reading,) = LTUASReader(calibrated(**thresholds)).read([noise(RATE)])
        assert reading.reason == reason
        assert (reading.distribution is None) == (reason is not None)
        assert reading.llm_ms > 0, "its time was spent all the same"


def test_abstention_can_be_turned_off_without_the_calibration(calibrated):
    folder = calibrated(min_level_dbfs=0.0)
    assert LTUASReader(folder).read([noise(RATE)])[0].reason == "too quiet"
    heard = LTUASReader(folder, abstain=False)
    assert heard.read([noise(RATE)])[0].distribution is not None
    assert heard.stamp.calibration is not None
    assert heard.read([noise(100)])[0].reason == "too short", "the model cannot take it"


def test_a_calibration_of_other_weights_is_refused_unless_nothing_of_it_is_wanted(calibrated, tmp_path):
    save_tiny(tmp_path, seed=1)
    (tmp_path / "calibration.json").symlink_to(calibrated() / "calibration.json")
    with pytest.raises(ModelError, match="fitted for weights"):
        LTUASReader(tmp_path)
    assert LTUASReader(tmp_path, calibrate=False, abstain=False).stamp.calibration is None


@pytest.fixture
def transcribing(tmp_path, shared):
    """A reader whose folder names a Whisper; the folder itself, to spoil it."""

    def build(**options):
        save_tiny(tmp_path)
        values = json.loads((tmp_path / "config.json").read_text())
        values["transcriber"] = {"folder": "whisper"}
        (tmp_path / "config.json").write_text(json.dumps(values))
        (tmp_path / "whisper").symlink_to(shared / "whisper" / "tiny.en")
        return LTUASReader(tmp_path, **options)

    return build


@pytest.mark.shared
def test_a_folder_with_a_transcriber_reads_the_words_too(transcribing, reader, shared):
    samples, rate = soundfile.read(shared / "sample" / "two_cities.flac", dtype="float32", stop=3 * 48_000)
    sound = (soxr.resample(samples, rate, RATE) * 32767).astype(np.int16)
    (reading,), (without,) = transcribing().read([sound]), reader.read([sound])
    assert reading.transcript.startswith("It was the best of times")
    assert without.transcript is None
    assert abs(reading.distribution.anger - without.distribution.anger) > 1e-3


@pytest.mark.shared
def test_without_its_transcriber_a_model_only_listens_and_says_so(transcribing, reader):
    heard = transcribing(transcribe=False)
    assert not heard.transcribes
    assert heard.stamp.readout == "seq_logprob/no transcript"
    assert heard.read([noise(RATE)])[0].distribution == reader.read([noise(RATE)])[0].distribution


@pytest.mark.shared
def test_a_transcript_that_does_not_fit_costs_only_its_own_utterance(transcribing, monkeypatch):
    heard = transcribing()
    words = {RATE: "so " * 3000, 2 * RATE: "so sad"}
    monkeypatch.setattr(heard._transcriber, "transcribe_batch", lambda sounds: [words[len(sound)] for sound in sounds])
    long, short = heard.read([noise(RATE), noise(2 * RATE)])
    assert long.distribution is None
    assert "reads at most 2048" in long.reason
    assert short.distribution is not None
    assert short.transcript == "so sad"


def test_a_missing_transcriber_is_named(tmp_path):
    save_tiny(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    values["transcriber"] = {"folder": "whisper"}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(ModelError, match="whisper: not a usable Whisper folder"):
        LTUASReader(tmp_path)


def test_a_reading_of_the_answer_position_is_explained_by_that_alone(reader):
    (reading,) = reader.read([noise(RATE)])
    explanation = reading.explanation
    (step,) = explanation.steps
    assert (explanation.prompt, explanation.answer, step.token, step.emotion_word) == ("single", None, "", False)
    assert set(step.log_probabilities) == set(EMOTIONS)
    assert all(value <= 0 for value in step.log_probabilities.values())
    assert explanation.readouts.keys() == set(get_args(Kind))
    assert explanation.readouts["seq_logprob"] == reading.distribution


def test_a_written_answer_changes_no_reading_and_is_told_token_by_token(folder, reader):
    plain, written, other = reader.read([noise(RATE)] * 3, explain=[False, True, False])
    np.testing.assert_allclose(list(written.distribution), list(plain.distribution), atol=1e-5)
    assert plain.explanation.answer is other.explanation.answer is None
    steps = LTUAS.from_pretrained(folder).step_logits(noise(RATE), decoding=Decoding())
    assert len(written.explanation.steps) == len(steps.tokens) > 1
    assert written.explanation.answer == steps.text
    spelled = "".join(step.token for step in written.explanation.steps)
    assert spelled == "".join(steps.token_pieces).replace("▁", " ")
    assert written.llm_ms > 0


def test_what_is_not_read_has_no_explanation_and_an_abstention_has_one(calibrated):
    assert LTUASReader(calibrated(min_level_dbfs=0.0)).read([noise(RATE)])[0].explanation is None
    (reading,) = LTUASReader(calibrated(min_answer_mass={"single": 1.0})).read([noise(RATE)])
    assert reading.reason == "not speech"
    assert reading.explanation.readouts["seq_logprob"] is not None


def test_a_readout_that_says_nothing_is_null_and_the_others_stand(reader):
    (steps,) = reader.steps(reader.hear([noise(RATE)]), transcripts=[None])
    low = dataclasses.replace(steps, logits=steps.logits - 1000, log_normalizer=steps.log_normalizer - 1000)
    explanation = explain(low, written=False)
    assert explanation.readouts["paper_linear_strict"] is None
    assert explanation.readouts["seq_logprob"] is not None
    broken = dataclasses.replace(steps, log_normalizer=np.full_like(steps.log_normalizer, np.nan))
    assert explain(broken, written=False) is None


@pytest.mark.parametrize("ensemble", ["orders", "paraphrases"])
def test_an_ensemble_reads_as_its_members_asked_one_by_one(folder, reader, ensemble):
    sounds = [noise(RATE), noise(2 * RATE, seed=1)]
    asked = LTUASReader(folder, ensemble=ensemble)
    heard = asked.hear(sounds)
    alone = [
        [readout(steps, kind="seq_logprob") for steps in asked.steps(heard, transcripts=[None, None], prompt=name)]
        for name in members("single", ensemble)
    ]
    for reading, each in zip(asked.read(sounds), zip(*alone, strict=True), strict=True):
        np.testing.assert_allclose(list(reading.distribution), list(pooled(each)), atol=1e-5)
        assert reading.prompt_spread == pytest.approx(spread(each), abs=1e-5)
        assert reading.prompt_spread > 0
        assert reading.explanation.prompt == "single"
    assert asked.stamp == dataclasses.replace(reader.stamp, readout=f"seq_logprob/{ensemble}")
    assert reader.read(sounds)[0].prompt_spread is None


def test_an_ensemble_is_calibrated_only_by_an_entry_of_its_own(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    prior = LogProbabilities(anger=-1.0, happiness=-2.0, sadness=-1.5, neutral=-1.2)
    plain = Entry(prompt="single", readout="seq_logprob", temperature=2.0, prior=prior, prior_strength=0.0)
    own = dataclasses.replace(plain, ensemble="orders", temperature=0.5)
    calibration = Calibration(model_sha256=folder_sha256(folder), fitted_on="nothing", entries=(plain, own))
    calibration.to_json(tmp_path / "calibration.json")
    (raw,) = LTUASReader(folder, ensemble="orders").read([noise(RATE)])
    with_own = LTUASReader(tmp_path, ensemble="orders")
    (corrected,) = with_own.read([noise(RATE)])
    assert list(corrected.distribution) == pytest.approx(list(own.apply(raw.distribution)), abs=1e-6)
    assert corrected.prompt_spread == pytest.approx(raw.prompt_spread, abs=1e-6), "of what the members say, uncorrected"
    assert with_own.stamp.calibration == LTUASReader(tmp_path).stamp.calibration is not None
    assert LTUASReader(tmp_path, ensemble="paraphrases").stamp.calibration is None
