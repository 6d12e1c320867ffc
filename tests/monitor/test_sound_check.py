"""What a few seconds of sound say of the microphone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Settings
from core.sound.audio import read_audio
from monitor.sound_check import SoundCheck
from monitor.sources.opening import SAMPLE

SPEECH = read_audio(SAMPLE)[: 16_000 * 5]
SETTINGS = Settings()


def check(samples) -> SoundCheck:
    return SoundCheck.of(np.clip(samples, -32768, 32767).astype(np.int16), SETTINGS)


def noise(rms: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, rms, len(SPEECH))


def test_speech_of_a_usual_level_needs_no_advice_and_is_told_in_numbers():
    heard = check(SPEECH)
    assert heard.advice() == []
    assert heard.speech_share == pytest.approx(0.7, abs=0.2)
    assert heard.speech_dbfs > heard.noise_floor_dbfs + 15
    assert str(heard).startswith(
        f"speech {heard.speech_share:.0%} of 5.0 s, at {heard.speech_dbfs:.0f} dBFS; noise floor "
    )
    assert str(heard).endswith(" dBFS, nothing clipped")


def test_twice_the_amplitude_is_six_decibels_more():
    soft, loud = check(SPEECH / 4), check(SPEECH / 2)
    assert loud.peak_dbfs - soft.peak_dbfs == pytest.approx(6, abs=0.1)
    assert loud.noise_floor_dbfs - soft.noise_floor_dbfs == pytest.approx(6, abs=3)


@pytest.mark.parametrize(
    ("samples", "advice"),
    [
        (np.zeros(16_000), "no sound at all"),
        (noise(10), "no speech: say something"),
        (noise(1000), "no speech: say something"),
        (SPEECH / 8, "the speech is quiet"),
        (SPEECH * 30.0, "too loud"),
        (SPEECH + noise(400), "the room is nearly as loud"),
    ],
    ids=["muted", "nobody speaks", "nobody speaks in a loud room", "quiet", "clipped", "noisy"],
)
def test_what_is_wrong_is_said_first_with_what_to_do(samples, advice):
    assert check(samples).advice()[0].startswith(advice)


@given(st.lists(st.integers(-32768, 32767), max_size=2000))
def test_any_sound_can_be_measured(samples):
    heard = check(np.array(samples))
    assert 0 <= heard.speech_share <= 1
    assert heard.clipped_share == sum(one in {-32768, 32767} for one in samples) / max(len(samples), 1)
    assert str(heard)
    assert all(heard.advice())
