"""Clips in other conditions than they were recorded in."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile

from core.sound.audio import read_audio
from offline_eval.commands.compare import _CONDITIONS
from offline_eval.comparison.conditions import CONDITIONS, heard_in
from tests.offline_eval.labelled_clips import labelled_clips

RATE = 16_000


@pytest.fixture
def clips(tmp_path):
    """Three angry ones of 1, 2 and 3 s at 100, 1000 and 5000 Hz, and a sad one of 2 s."""
    made = []
    for at, (clip, hz) in enumerate(
        zip(labelled_clips("a", "anger", "anger", "anger", "sadness"), (100, 1000, 5000, 1000), strict=True)
    ):
        path = tmp_path / f"{at}.wav"
        seconds = (1, 2, 3, 2)[at]
        tone = 0.2 * np.sin(2 * np.pi * hz * np.arange(seconds * RATE) / RATE)
        soundfile.write(path, tone, RATE, subtype="PCM_16")
        made.append(replace(clip, path=path))
    return made


def level(path):
    return np.sqrt(np.mean((read_audio(path) / 32_768) ** 2))


def test_the_command_names_them_all():
    assert tuple(CONDITIONS) == _CONDITIONS


def test_nothing_but_the_sound_changes(clips, tmp_path):
    for condition in CONDITIONS:
        heard = heard_in(condition, clips, tmp_path / "out")
        assert [replace(after, path=before.path) for after, before in zip(heard, clips, strict=True)] == clips


def test_a_line_passes_what_is_in_its_band(clips, tmp_path):
    low, middle, high, _ = (level(clip.path) for clip in heard_in("telephone", clips, tmp_path))
    assert low < 0.001
    assert high < 0.001
    assert middle == pytest.approx(0.2 / np.sqrt(2), rel=0.01)


def test_noise_is_ten_decibels_below(clips, tmp_path):
    for before, after in zip(clips, heard_in("noise", clips, tmp_path), strict=True):
        noise = (read_audio(after.path).astype(float) - read_audio(before.path)) / 32_768
        assert 20 * np.log10(level(before.path) / np.sqrt(np.mean(noise**2))) == pytest.approx(10, abs=0.1)


def test_a_cut_leaves_the_middle(clips, tmp_path):
    for before, after in zip(clips, heard_in("cut", clips, tmp_path), strict=True):
        whole, kept = read_audio(before.path), read_audio(after.path)
        assert len(kept) == min(len(whole), 1.5 * RATE)
        start = (len(whole) - len(kept)) // 2
        assert np.array_equal(kept, whole[start : start + len(kept)])


def test_clips_are_joined_to_those_that_follow_of_their_speaker_and_emotion(clips, tmp_path):
    first, second, third, sad = (read_audio(clip.path) for clip in clips)
    heard = [read_audio(clip.path) for clip in heard_in("joined", clips, tmp_path)]
    assert np.array_equal(heard[0], np.concatenate([first, second, third, first, second])[: 8 * RATE])
    assert np.array_equal(heard[2], np.concatenate([third, first, second, third])[: 8 * RATE])
    assert np.array_equal(heard[3], np.tile(sad, 4))


def test_sounds_are_written_once_and_anew_when_their_source_changes(clips, tmp_path):
    (before,) = heard_in("cut", clips[2:3], tmp_path)
    stat = before.path.stat()
    assert heard_in("cut", clips[2:3], tmp_path) == [before]
    assert before.path.stat().st_mtime_ns == stat.st_mtime_ns
    soundfile.write(clips[2].path, np.zeros(RATE), RATE)
    (after,) = heard_in("cut", clips[2:3], tmp_path)
    assert len(read_audio(after.path)) == RATE
