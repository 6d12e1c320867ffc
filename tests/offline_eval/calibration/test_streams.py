"""Streams of one speaker's clips, as a random model that gets to know voices hears them."""

from collections import Counter

import numpy as np
import pytest

from core.distribution import EmotionDistribution
from core.ltu_as.reader import LTUASReader
from core.ltu_as.tiny import save_tiny
from core.mean_reading import MeanReading
from core.sound.audio import read_audio
from offline_eval.calibration.streams import Stream, anchors_after, levelled_after, mostly
from offline_eval.datasets.kinds import load_datasets

HEARD = 6


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    folder = tmp_path_factory.mktemp("anchored")
    save_tiny(folder, anchored=True)
    return LTUASReader(folder)


@pytest.fixture(scope="module")
def clips(tones):
    return [clip for clip in load_datasets([tones])[0].clips if clip.speaker.endswith(("_0", "_1"))]


@pytest.fixture(scope="module")
def sounds(reader, clips):
    return [reader.hear([read_audio(clip.path)]) for clip in clips]


def after(stream, clips, sounds, reader, seed=0):
    return anchors_after(stream, clips, sounds, reader, rng=np.random.default_rng(seed))


def test_with_nothing_heard_there_is_nothing_to_take_off(reader, clips, sounds):
    assert {anchor.utterances for anchor in after(Stream(heard=0), clips, sounds, reader)} == {0}


def test_each_clip_is_read_with_others_of_its_speaker_only_and_without_itself(reader, clips, sounds):
    anchors = after(Stream(heard=HEARD), clips, sounds, reader)
    known = [*zip(clips, anchors, strict=True)]
    for speaker in {clip.speaker for clip in clips}:
        heard = Counter(anchor.utterances for clip, anchor in known if clip.speaker == speaker)
        assert heard == {HEARD: 20 - HEARD, HEARD - 1: HEARD}
    alone = [row for row, clip in enumerate(clips) if clip.speaker == clips[0].speaker]
    again = after(Stream(heard=HEARD), [clips[row] for row in alone], [sounds[row] for row in alone], reader)
    assert len(again) == 20


def test_the_last_of_a_stream_is_known_as_live_from_those_before(reader, clips, sounds):
    """A stream of two: the second is read with an anchor made of the first alone."""
    anchors = after(Stream(heard=2), clips, sounds, reader)
    means = {row: sound.means[0].flatten().numpy() for row, sound in enumerate(sounds)}
    for row, (anchor, clip) in enumerate(zip(anchors, clips, strict=True)):
        if anchor.utterances == 1:
            of_speaker = [other for other, one in enumerate(clips) if one.speaker == clip.speaker and other != row]
            assert any(np.allclose(anchor.mean, means[other], atol=1e-6) for other in of_speaker)


@pytest.mark.parametrize("emotion", ["anger", "neutral"])
def test_an_emotion_that_is_all_of_a_stream_is_heard_until_it_runs_out(reader, clips, sounds, emotion):
    anchors = after(Stream(heard=9, shares=mostly(emotion, 1.0)), clips, sounds, reader)
    known = zip(clips, anchors, strict=True)
    by_emotion = Counter((clip.emotion == emotion, anchor.utterances) for clip, anchor in known)
    assert by_emotion == {(True, 4): 10, (False, 5): 30}


def test_a_mean_reading_is_of_the_clips_of_the_stream_but_the_clip_itself(clips):
    """All read alike, so that the mean tells how many it was made of."""
    alike = np.tile([0.4, 0.2, 0.2, 0.2], (len(clips), 1))
    levelled = levelled_after(Stream(heard=HEARD), clips, alike, rng=np.random.default_rng(0))
    means = {}
    for number in (HEARD, HEARD - 1):
        mean = MeanReading()
        for _ in range(number):
            mean = mean.push(EmotionDistribution(*alike[0]), at_s=0.0)
        means[number] = mean.levelled(EmotionDistribution(*alike[0])).anger
    counted = Counter(min(means, key=lambda number: abs(means[number] - row[0])) for row in levelled)
    assert counted == {HEARD: 2 * (20 - HEARD), HEARD - 1: 2 * HEARD}


def test_a_stream_is_named_by_what_most_of_it_is():
    assert Stream(heard=20).words == "20 heard, 70 % neutral"
    assert Stream(heard=5, shares=mostly("sadness", 0.6)).words == "5 heard, 60 % sadness"
