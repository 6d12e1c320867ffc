import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ltu_as.abstention import ActiveSound
from core.ltu_as.steps import StepLogits
from core.ltu_as.tiny import tiny_tokenizer
from core.ltu_as.verbalizer import Verbalizer
from offline_eval.calibration.thresholds import Heard, fit_abstention, fit_outlier, reason_not_to_read

VERBALIZER = Verbalizer.from_tokenizer(tiny_tokenizer())


def steps(mass, feature_mean, prompt="single"):
    """An answer that begins as one of the offered ones with this probability."""
    logits = np.full((1, len(VERBALIZER.piece_ids)), np.log(mass / 4), np.float32)
    return StepLogits(
        piece_ids=np.array(VERBALIZER.piece_ids),
        logits=logits,
        log_normalizer=np.zeros(1, np.float32),
        minimum=logits.min(axis=1),
        tokens=np.zeros(1, np.int64),
        token_pieces=("o",),
        text="",
        answer_logprobs=(),
        prompt=prompt,
        verbalizer=VERBALIZER,
        feature_mean=np.array(feature_mean, np.float32),
    )


def sounds(n, seed, *, duration_s=(0.5, 4), level_dbfs=(-55, -20), mass=(0.9, 1), means=(0, 1), prompts=("single",)):
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(n):
        feature_mean = rng.normal(*means, size=3)
        heard = {prompt: steps(rng.uniform(*mass), feature_mean, prompt) for prompt in prompts}
        made.append(Heard(ActiveSound(rng.uniform(*duration_s), rng.uniform(*level_dbfs)), heard))
    return made


def middling(n, seed, **change):
    """Sounds that no check tells from speech, but for the change."""
    usual = {"duration_s": (2, 3), "level_dbfs": (-35, -30), "mass": (0.95, 0.96), "means": (0, 0.2)}
    return sounds(n, seed, **usual | change)


def refused(abstention, some, prompt="single"):
    return [reason for one in some if (reason := reason_not_to_read(abstention, one, prompt))]


SPEECH = sounds(300, seed=0)
OUTLIER = fit_outlier(np.array([one.steps["single"].feature_mean for one in sounds(300, seed=1)], np.float64))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"level_dbfs": (-90, -65)}, "too quiet"),
        ({"mass": (0.0001, 0.5)}, "not speech"),
        ({"means": (9, 1)}, "unlike training"),
    ],
)
def test_noise_that_a_check_can_tell_from_speech_is_refused_and_no_speech_is(change, reason):
    noise = middling(50, seed=2, **change)
    abstention = fit_abstention(SPEECH, noise, OUTLIER)
    assert refused(abstention, noise) == [reason] * 50
    assert set(refused(abstention, SPEECH)) <= {"too short"}
    assert refused(abstention, middling(50, seed=3, **change)) == [reason] * 50, "other noise of the kind"


def test_a_check_that_tells_no_noise_from_speech_is_left_out():
    abstention = fit_abstention(SPEECH, middling(50, seed=2), OUTLIER)
    assert (abstention.min_level_dbfs, abstention.min_answer_mass, abstention.outlier) == (None, {}, None)


def test_loud_recordings_make_no_quiet_speech_too_quiet():
    loud, noise = sounds(50, seed=6, level_dbfs=(-30, -10)), middling(50, seed=7, level_dbfs=(-90, -35))
    assert fit_abstention(loud, noise).min_level_dbfs == -60


@given(st.integers(0, 100), st.floats(0, 0.1), st.floats(0, 0.15))
@settings(max_examples=20)
def test_no_more_speech_is_refused_than_allowed(seed, share, total):
    prompts = ("single", "ambiguous")
    speech = sounds(60, seed=[seed, 0], prompts=prompts)
    noise = sounds(30, seed=[seed, 1], level_dbfs=(-70, -20), mass=(0.5, 1), means=(1, 1), prompts=prompts)
    abstention = fit_abstention(speech, noise, OUTLIER, share=share, total=total)
    for prompt in prompts:
        reasons = refused(abstention, speech, prompt)
        assert len(reasons) <= total * len(speech)
        assert all(reasons.count(reason) <= share * len(speech) for reason in reasons)


def test_more_noise_is_refused_where_more_speech_may_be():
    noise = sounds(200, seed=4, mass=(0.5, 1))
    strict, lax = (fit_abstention(SPEECH, noise, share=share, total=1) for share in (0.01, 0.1))
    assert len(refused(strict, noise)) < len(refused(lax, noise))


def test_a_second_of_speech_is_never_too_short():
    long, short = sounds(50, seed=5, duration_s=(2, 4)), sounds(50, seed=5, duration_s=(0.5, 4))
    assert fit_abstention(long, []).min_speech_s == 1.0
    shortest_s = min(one.sound.duration_s for one in short)
    assert shortest_s - 0.01 <= fit_abstention(short, []).min_speech_s <= shortest_s


def test_training_speech_lies_about_1_from_its_own_mean():
    rng = np.random.default_rng(0)
    feature_means = rng.normal(size=(500, 8)) * [1, 2, 3, 4, 5, 6, 7, 0] + np.arange(8)
    distances = fit_outlier(feature_means).distance(feature_means)
    assert np.sqrt(np.mean(distances**2)) == pytest.approx(np.sqrt(7 / 8), abs=0.01), "one number never changes"
