import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import sinusoids as whispers_sinusoids

from core.errors import AudioError
from core.ltu_as.features import log_mel, pad_or_trim, sinusoids
from core.ltu_as.tiny import tiny_model

RATE = 16_000


def noise(n_samples, seed=0):
    return (np.random.default_rng(seed).normal(size=n_samples) * 3000).astype(np.int16)


@settings(max_examples=30)
@given(n_samples=st.integers(201, 20_000))
def test_a_frame_begins_every_ten_milliseconds(n_samples):
    assert log_mel(noise(n_samples)).shape == (80, n_samples // 160)


def test_twelve_seconds_have_the_mel_of_whispers_own_extractor():
    sound = noise(12 * RATE).astype(np.float32) / 32768
    theirs = WhisperFeatureExtractor()(sound, sampling_rate=RATE, return_tensors="pt").input_features[0]
    # Where it does not pad, it agrees; the last frame of the sound already sees its zeros.
    torch.testing.assert_close(log_mel(sound)[:, :1199], theirs[:, :1199], rtol=0, atol=1e-5)


def test_silence_is_flat_and_padding_is_not_silence():
    mel = pad_or_trim(log_mel(np.zeros(RATE, np.int16)), 1000)
    assert torch.equal(mel[:, :100], torch.full((80, 100), -1.5))
    assert torch.equal(mel[:, 100:], torch.zeros(80, 900))


def test_a_loud_end_beyond_the_window_lifts_the_floor_of_the_beginning():
    quiet = noise(11 * RATE) // 1000
    loud = np.concatenate([quiet, noise(RATE)])
    assert log_mel(loud)[:, :900].min() > log_mel(quiet)[:, :900].min() + 0.1


def test_sound_of_two_channels_is_refused():
    with pytest.raises(AudioError, match="16000x2 samples"):
        log_mel(np.zeros((RATE, 2), np.int16))


def test_the_positional_table_is_whispers():
    assert torch.equal(sinusoids(500, 64), whispers_sinusoids(500, 64))


def test_features_of_a_batch_are_those_of_each_sound():
    model = tiny_model()
    sounds = [noise(n, seed=n) for n in (201, RATE, 12 * RATE)]
    together = model.features(sounds)
    assert together.shape == (3, 2, 25, 16)
    for n, sound in enumerate(sounds):
        torch.testing.assert_close(together[n : n + 1], model.features([sound]), rtol=0, atol=1e-5)
