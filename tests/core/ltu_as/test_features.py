from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import sinusoids as whispers_sinusoids

from core.errors import AudioError
from core.ltu_as.config import AudioConfig, WhisperConfig
from core.ltu_as.features import WhisperFeatures, at_level, fit_window, half_minute, log_mel, pad_or_trim, sinusoids
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


UTTERANCE = AudioConfig(pool=10, window="utterance", level=1.5)


@settings(max_examples=30)
@given(n_samples=st.integers(201, 12 * RATE))
def test_a_window_as_long_as_the_utterance_ends_with_it(n_samples):
    mel = log_mel(noise(n_samples))
    window = fit_window(mel, AudioConfig(pool=10, window="utterance"))
    heard = min(mel.shape[1], 1000)
    assert window.shape == (80, heard + heard % 2)
    assert torch.equal(window[:, :heard], mel[:, :heard])
    assert bool((window[:, heard:] == mel.min()).all())


@settings(max_examples=30)
@given(dbfs=st.floats(-50, -10), seed=st.integers(0, 1000))
def test_loudness_does_not_show_at_a_level(dbfs, seed):
    sound = noise(RATE, seed).astype(np.float32) / 32768
    sound *= 10 ** (-10 / 20) / np.sqrt(np.mean(sound**2))
    quiet = sound * np.float32(10 ** ((dbfs + 10) / 20))
    torch.testing.assert_close(
        fit_window(log_mel(quiet), UTTERANCE), fit_window(log_mel(sound), UTTERANCE), rtol=0, atol=1e-4
    )


def test_the_loudest_value_is_the_level():
    assert at_level(log_mel(noise(RATE)), 1.5).max() == pytest.approx(1.5, abs=1e-6)


def test_silence_has_no_level():
    silence = log_mel(np.zeros(RATE, np.int16))
    assert torch.equal(at_level(silence, 1.5), silence)


def test_shorter_sounds_of_a_batch_come_after_zeros_that_the_encoder_never_saw():
    model = tiny_model(audio=UTTERANCE)
    sounds = [noise(n, seed=n) for n in (201, RATE, 3 * RATE, RATE, 12 * RATE)]
    together, keep = model.features(sounds), model.audio_keep(sounds)
    assert together.shape == (5, 2, 50, 16)
    assert keep.sum(1).tolist() == [1, 5, 15, 5, 50]
    for row, kept, sound in zip(together, keep, sounds, strict=True):
        torch.testing.assert_close(row[:, kept], model.features([sound])[0], rtol=0, atol=1e-5)
        assert not row[:, ~kept].any()


WHOLE = AudioConfig(pool=500, window="utterance", level=1.5, deviation=True)
PIECES = replace(WHOLE, piece_s=5.0)


def test_a_long_sound_has_the_mean_features_of_its_equal_pieces():
    whole, pieces = tiny_model(audio=WHOLE), tiny_model(audio=PIECES)
    sound = noise(8 * RATE)
    halves = torch.stack([whole.features([half])[0] for half in np.split(sound, 2)])
    torch.testing.assert_close(pieces.features([sound])[0], halves.mean(0), rtol=0, atol=1e-5)
    assert not torch.allclose(pieces.features([sound]), whole.features([sound]), atol=1e-2)


def test_a_sound_that_is_no_longer_than_a_piece_is_heard_whole():
    whole, pieces = tiny_model(audio=WHOLE), tiny_model(audio=PIECES)
    for seconds in (1, 5):
        assert torch.equal(whole.features([noise(seconds * RATE)]), pieces.features([noise(seconds * RATE)]))


def test_pieces_are_of_what_the_window_holds():
    pieces = tiny_model(audio=PIECES)
    sound = noise(14 * RATE)
    assert torch.equal(pieces.features([sound]), pieces.features([sound[: 10 * RATE]]))
    assert [PIECES.pieces_of(round(s * RATE)) for s in (0.5, 5, 5.1, 10, 14)] == [1, 1, 2, 2, 2]


def test_a_batch_of_pieces_gives_each_sound_what_it_gives_alone():
    model = tiny_model(audio=PIECES)
    sounds = [noise(n, seed=n) for n in (3 * RATE, 8 * RATE, 4 * RATE, 9 * RATE + 77)]
    together = model.features(sounds)
    for row, sound in zip(together, sounds, strict=True):
        torch.testing.assert_close(row, model.features([sound])[0], rtol=0, atol=1e-5)
    assert bool(model.audio_keep(sounds).all())


@pytest.mark.parametrize("wrong", [{"pool": 20}, {"window": "fixed"}, {"piece_s": 0.0}])
def test_pieces_need_one_token_for_the_utterance(wrong):
    with pytest.raises(ValueError, match=r"audio\.piece_s"):
        replace(PIECES, **wrong)


@pytest.mark.parametrize("seconds", [0.02, 1.0, 3.21, 10.0])
def test_frames_are_shared_out_evenly_with_their_mean_and_deviation(seconds):
    audio = AudioConfig(pool=50, window="utterance", deviation=True)
    config = WhisperConfig(d_model=16, layers=2, heads=2, ffn=32, positions=500)
    torch.manual_seed(0)
    frame_by_frame = WhisperFeatures(config, AudioConfig(pool=1, window="utterance"))
    whisper = WhisperFeatures(config, audio)
    whisper.load_state_dict(frame_by_frame.state_dict())
    n_samples = round(seconds * RATE)
    window = fit_window(log_mel(noise(n_samples)), audio)[None]
    with torch.no_grad():
        features, frames = whisper(window), frame_by_frame(window)
    assert features.shape == (1, 4, audio.tokens_of(n_samples), 16)
    parts = np.array_split(np.arange(frames.shape[2]), features.shape[2])
    assert max(map(len, parts)) <= 50
    for token, part in enumerate(parts):
        torch.testing.assert_close(features[:, :2, token], frames[:, :, part].mean(2), atol=1e-5, rtol=0)
        torch.testing.assert_close(features[:, 2:, token], frames[:, :, part].std(2, unbiased=False), atol=1e-5, rtol=0)


@pytest.mark.parametrize("n_samples", [1, 300, 16_000, 16_111, 400_000, 479_000, 479_999, 480_000])
def test_half_a_minute_is_what_transformers_makes_of_it(n_samples):
    sound = (np.random.default_rng(1).normal(size=n_samples) * 0.1).astype(np.float32)
    expected = WhisperFeatureExtractor()(sound, sampling_rate=16_000, return_tensors="pt").input_features[0]
    torch.testing.assert_close(half_minute(sound), expected, rtol=0, atol=1e-4)


@torch.inference_mode()
def test_frames_shared_out_evenly_are_pooled_at_once_to_the_same_numbers():
    encoder = WhisperFeatures(WhisperConfig(d_model=16, layers=1, heads=2, ffn=32, positions=500), AudioConfig(pool=20))
    hidden = torch.randn(2, 500, 16)
    for pooled in (lambda part: part.mean(1), lambda part: part.std(1, unbiased=False)):
        apart = torch.stack([pooled(part) for part in hidden.tensor_split(25, dim=1)], dim=1)
        torch.testing.assert_close(encoder._by_token(hidden, pooled), apart, rtol=0, atol=1e-6)
        assert encoder._by_token(hidden[:, :101], pooled).shape == (2, 6, 16)
