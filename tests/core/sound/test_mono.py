"""One channel out of many: nothing that is alive is lost, nothing that is dead takes away from it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.sound.mono import ChannelMix, ToMono16k, pcm16

RATE_HZ = 16_000


def noise(duration_s=1.0, channels=1, level=0.1, seed=0):
    sound = np.random.default_rng(seed).standard_normal((round(duration_s * RATE_HZ), channels)) * level
    return np.clip(sound, -1, 1).astype(np.float32)


def mixed(frames, *, sizes=(1 << 30,), rate_hz=RATE_HZ):
    """What comes of frames that are pushed in pieces of these sizes, over and over."""
    mix = ChannelMix(rate_hz, frames.shape[1])
    pieces, at, number = [], 0, 0
    while at < len(frames):
        size = sizes[number % len(sizes)]
        pieces.append(mix.push(frames[at : at + size]))
        at, number = at + size, number + 1
    return np.concatenate([*pieces, mix.flush()])


def beside(sound, channels, at=0, level=0.0):
    """Sound in one of several channels; the others hold noise of that level."""
    frames = noise(len(sound) / RATE_HZ, channels, level, seed=9) * np.float32(level > 0)
    frames[:, at] = sound[:, 0]
    return frames


def test_one_channel_is_left_as_it_is():
    assert np.array_equal(mixed(noise()), noise()[:, 0])


@pytest.mark.parametrize("channels", [2, 3, 8])
def test_channels_that_are_all_alive_are_heard_as_their_plain_mean(channels):
    frames = noise(channels=channels) * np.linspace(1, 0.2, channels, dtype=np.float32)
    assert np.allclose(mixed(frames), frames.mean(axis=1), atol=1e-7)


def test_two_people_who_take_turns_into_a_microphone_each_are_heard_alike():
    quiet, loud = noise(10.0, level=0.005, seed=1), noise(10.0, seed=2)
    frames = np.concatenate([np.hstack([loud, quiet]), np.hstack([quiet, loud])])
    assert np.allclose(mixed(frames), frames.mean(axis=1), atol=1e-7)


@pytest.mark.parametrize("level", [0.0, 1e-3])
@pytest.mark.parametrize("channels", [2, 6, 8, 32])
def test_the_only_channel_that_is_alive_is_heard_at_its_full_level(channels, level):
    sound = noise()
    for at in {0, channels - 1}:
        assert np.allclose(mixed(beside(sound, channels, at, level)), sound[:, 0], atol=1e-7)


def test_a_constant_voltage_is_no_life():
    frames = beside(noise(), 2)
    frames[:, 1] = 0.3
    assert np.allclose(mixed(frames), frames[:, 0], atol=1e-7)


@pytest.mark.parametrize("signs", [(1, -1), (1, -1, 1, -1), (1, -0.5), (-1, 1, 0)])
def test_channels_that_cancel_each_other_leave_the_loudest(signs):
    sound = noise()
    heard = mixed(sound * np.array(signs, np.float32))
    assert np.allclose(heard, sound[:, 0] * signs[0], atol=1e-7)


def test_of_two_that_cancel_and_are_equally_loud_it_is_the_same_one_throughout():
    frames = noise(10.0) * np.array([1, -1], np.float32) + noise(10.0, 2, 0.01, seed=3)
    assert np.allclose(mixed(frames), frames[:, 0], atol=1e-7)


def test_a_channel_that_comes_alive_is_heard_at_once_and_without_a_click():
    tone = 0.3 * np.sin(2 * np.pi * 100 * np.arange(2 * RATE_HZ) / RATE_HZ)
    frames = np.stack([tone, np.where(np.arange(len(tone)) < RATE_HZ, 0, tone)], axis=1).astype(np.float32)
    heard = mixed(frames)
    assert np.max(np.abs(heard - tone)) < 0.16  # the mean of both for the first 20 ms, the tone before and after
    assert np.allclose(heard[: RATE_HZ - 320], tone[: RATE_HZ - 320], atol=1e-6)
    assert np.allclose(heard[RATE_HZ + 320 :], tone[RATE_HZ + 320 :], atol=1e-6)
    assert np.max(np.abs(np.diff(heard))) < 1.5 * np.max(np.abs(np.diff(tone)))


def test_a_channel_that_fell_silent_takes_nothing_away_for_long():
    frames = noise(40.0, 2)
    frames[RATE_HZ:, 1] = 0
    assert np.allclose(mixed(frames)[-RATE_HZ:], frames[-RATE_HZ:, 0], atol=1e-7)


def test_after_one_absurd_value_the_other_channel_is_still_heard():
    frames = noise(2.0, 2)
    frames[RATE_HZ, 1] = 3e38
    to_mono = ToMono16k(RATE_HZ, 2)
    heard = np.concatenate([to_mono.push(frames), to_mono.flush()])
    usual = pcm16(frames.mean(axis=1, where=np.abs(frames) < 1))
    assert np.array_equal(np.delete(heard, RATE_HZ), np.delete(usual, RATE_HZ))
    assert to_mono.loud_samples == 1


def test_silence_stays_silence():
    assert not np.any(mixed(np.zeros((RATE_HZ, 4), np.float32)))


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=5),
    levels=st.lists(st.sampled_from([0.0, 1e-4, 3e-3, 0.1, 0.3]), min_size=4, max_size=4),
    sign=st.sampled_from([1, -1]),
    rate_hz=st.sampled_from([8_000, 16_000, 44_100]),
)
def test_it_does_not_matter_how_sound_is_cut_up_and_it_lies_between_the_channels(sizes, levels, sign, rate_hz):
    left = np.concatenate([noise(0.1, 1, levels[0], 1), noise(0.1, 1, levels[1], 2)])
    right = np.concatenate([noise(0.1, 1, levels[2], 3), noise(0.1, 1, levels[3], 4)]) + sign * left
    frames = np.hstack([left, right])
    heard = mixed(frames, rate_hz=rate_hz)
    assert np.array_equal(heard, mixed(frames, sizes=sizes, rate_hz=rate_hz))
    assert np.all(heard <= frames.max(axis=1) + 1e-6)
    assert np.all(heard >= frames.min(axis=1) - 1e-6)
    assert np.any(heard) == np.any(frames)
