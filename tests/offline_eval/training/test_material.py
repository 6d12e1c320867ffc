"""How often what is drawn."""

from dataclasses import replace

import numpy as np
import pytest

from offline_eval.training.feature_cache import Features
from offline_eval.training.material import alike
from tests.offline_eval.labelled_clips import labelled_clips


def shares(clips, weights, of):
    totals: dict[str, float] = {}
    for clip, weight in zip(clips, weights, strict=True):
        totals[of(clip)] = totals.get(of(clip), 0.0) + weight
    return totals


def test_corpora_are_drawn_alike_and_emotions_alike_inside():
    clips = [*labelled_clips("a", *["anger"] * 6, "sadness", "neutral"), *labelled_clips("b", "anger", "happiness")]
    weights = alike(clips)
    assert shares(clips, weights, lambda c: c.corpus) == pytest.approx({"a": 0.5, "b": 0.5})
    of_a = [(c, w) for c, w in zip(clips, weights, strict=True) if c.corpus == "a"]
    assert shares(*zip(*of_a, strict=True), lambda c: c.emotion) == pytest.approx(
        dict.fromkeys(("anger", "sadness", "neutral"), 0.5 / 3)
    )


@pytest.mark.parametrize(("telling", "share"), [(8, 0.4), (2, 0.2), (10, 1.0), (0, 0.0)])
def test_clips_whose_words_tell_their_emotion_are_a_part_of_it_at_most_unless_there_are_no_others(telling, share):
    clips = [replace(clip, words_tell=n < telling) for n, clip in enumerate(labelled_clips("a", *["anger"] * 10))]
    told = sum(weight for clip, weight in zip(clips, alike(clips), strict=True) if clip.words_tell)
    assert told == pytest.approx(share)


@pytest.mark.parametrize("lengths", [[1, 1, 1], [2, 1, 4]])
def test_means_are_over_each_sounds_tokens(lengths):
    rng = np.random.default_rng(0)
    sounds = [rng.normal(size=(n, 2, 3)).astype(np.float16) for n in lengths]
    means = np.array([sound.astype(np.float32).mean(0).ravel() for sound in sounds])
    assert Features.of(sounds).means() == pytest.approx(means, abs=1e-3)
