import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ltu_as.abstention import REASONS, Abstention, Outlier, active_sound, answer_mass

RATE = 16_000


def tone(duration_s, level_dbfs):
    """A sine wave of that RMS level."""
    t = np.arange(round(duration_s * RATE)) / RATE
    return (np.sin(2 * np.pi * 250 * t) * np.sqrt(2) * 32768 * 10 ** (level_dbfs / 20)).astype(np.int16)


def silence(duration_s):
    return np.zeros(round(duration_s * RATE), np.int16)


def test_silence_around_a_sound_counts_neither_for_its_duration_nor_for_its_level():
    sound = active_sound(np.concatenate([silence(0.5), tone(1.2, -30), silence(3)]))
    assert sound.duration_s == pytest.approx(1.2, abs=0.02)
    assert sound.level_dbfs == pytest.approx(-30, abs=0.1)


def test_what_is_more_than_30_db_below_the_loudest_frame_is_silence():
    loud = tone(1, -10)
    assert active_sound(np.concatenate([loud, tone(1, -39)])).duration_s == pytest.approx(2, abs=0.02)
    assert active_sound(np.concatenate([loud, tone(1, -41)])).duration_s == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("samples", [0, 1, 16_000])
def test_digital_silence_of_any_length_has_no_active_sound(samples):
    sound = active_sound(np.zeros(samples, np.int16))
    assert (sound.duration_s, sound.level_dbfs) == (0, -120)


@given(st.integers(1, 5000), st.integers(0, 2**32 - 1))
def test_active_sound_is_never_longer_than_the_sound(samples, seed):
    waveform = np.random.default_rng(seed).integers(-32768, 32768, samples).astype(np.int16)
    sound = active_sound(waveform)
    assert 0 <= sound.duration_s <= samples / RATE
    assert -120 <= sound.level_dbfs <= 0


def test_the_answer_mass_is_the_probability_of_the_first_pieces_of_the_offered_answers(make_steps):
    steps = make_steps()
    first = {pieces[0] for pieces in steps.verbalizer.answers("single").values()}
    logits = np.full_like(steps.logits, -50)
    logits[0, np.searchsorted(steps.piece_ids, sorted(first))] = np.log(0.1)
    steps = make_steps(logits=logits, log_normalizer=np.zeros(1, np.float32))
    assert answer_mass(steps) == pytest.approx(0.1 * len(first))


def test_answers_that_begin_alike_are_counted_once(make_steps):
    steps = make_steps(prompt="ambiguous")
    assert len({pieces[0] for pieces in steps.verbalizer.answers("ambiguous").values()}) == 4
    alike = make_steps(prompt="Angry or anger?")
    assert answer_mass(alike) == pytest.approx(answer_mass(steps))


def test_the_first_failing_check_names_the_reason():
    abstention = Abstention(min_speech_s=0.5, min_level_dbfs=-50)
    assert abstention.before(active_sound(tone(1, -49))) is None
    assert abstention.before(active_sound(tone(1, -51))) == "too quiet"
    assert abstention.before(active_sound(tone(0.4, -20))) == "too short"
    assert abstention.before(active_sound(tone(0.4, -60))) == "too quiet"
    assert abstention.before(active_sound(silence(5))) == "too quiet"


@given(st.floats(0.01, 0.99))
def test_a_sound_to_which_the_model_names_no_emotion_is_not_speech(make_steps, mass):
    steps = make_steps(
        logits=np.full_like(make_steps().logits, np.log(mass / 4)), log_normalizer=np.zeros(1, np.float32)
    )
    measured = answer_mass(steps)
    assert Abstention(min_answer_mass={"single": measured * 1.01}).after(steps) == "not speech"
    assert Abstention(min_answer_mass={"single": measured * 0.99}).after(steps) is None
    assert Abstention(min_answer_mass={"ambiguous": 1.0}).after(steps) is None, "each prompt has its own threshold"


def test_an_utterance_far_from_the_training_speech_is_refused(make_steps):
    outlier = Outlier(mean=(1.0, -2.0), inverse_std=(2.0, 0.5), max_distance=3.0)
    abstention = Abstention(outlier=outlier)
    near, far = (np.array([1 + z / 2, -2 + z * 2], np.float32) for z in (2.9, 3.1))
    assert outlier.distance(near) == pytest.approx(2.9, abs=1e-5)
    assert abstention.after(make_steps(feature_mean=near)) is None
    assert abstention.after(make_steps(feature_mean=far)) == "unlike training"
    assert abstention.after(make_steps()) is None, "there was no sound to compare"


def test_without_thresholds_everything_is_read(make_steps):
    assert Abstention().before(active_sound(silence(0.1))) is None
    assert Abstention().after(make_steps(feature_mean=np.full(2, 1e9, np.float32))) is None


def test_reasons_are_words_that_a_display_can_show():
    assert REASONS == ("too quiet", "too short", "not speech", "unlike training")
