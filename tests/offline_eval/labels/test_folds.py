from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from offline_eval.labels.clips import Clip, one_hot
from offline_eval.labels.folds import speaker_folds


def clips_of(**speakers: int) -> list[Clip]:
    """Two clips for each of so many speakers of each corpus."""
    return [
        Clip(
            path=Path("a.wav"),
            clip_id=f"{speaker}-{emotion}",
            corpus=corpus,
            speaker=f"{corpus}_{speaker}",
            split="train",
            target=one_hot(emotion),
        )
        for corpus, number in speakers.items()
        for speaker in range(number)
        for emotion in ("anger", "neutral")
    ]


def held_out_speakers(clips: list[Clip], k: int, seed: int = 0) -> list[set[str]]:
    return [{clip.speaker for clip in held_out} for _, held_out in speaker_folds(clips, k, seed)]


@given(a=st.integers(0, 12), b=st.integers(0, 12), c=st.integers(2, 12), k=st.integers(2, 8), seed=st.integers(0, 99))
def test_every_speaker_is_held_out_once_and_never_learned_from_in_that_fold(a, b, c, k, seed):
    clips = clips_of(a=a, b=b, c=c)
    k = min(k, a + b + c)
    folds = speaker_folds(clips, k, seed)
    assert len(folds) == k
    assert Counter(clip.clip_id + clip.corpus for _, out in folds for clip in out) == Counter(
        clip.clip_id + clip.corpus for clip in clips
    )
    for train, out in folds:
        assert not {clip.speaker for clip in train} & {clip.speaker for clip in out}
        assert len(train) + len(out) == len(clips)
    for corpora in ("a", "b", "c", "abc"):
        sizes = [len({clip.speaker for clip in out if clip.corpus in corpora}) for _, out in folds]
        assert max(sizes) - min(sizes) <= 1


def test_folds_depend_on_speakers_and_seed_but_not_on_the_order_of_the_clips():
    clips = clips_of(x=12, y=9)
    assert held_out_speakers(clips, 5) == held_out_speakers(clips[::-1], 5)
    assert held_out_speakers(clips, 5) != held_out_speakers(clips, 5, seed=1)


def test_folds_are_the_same_on_every_machine():
    first = held_out_speakers(clips_of(x=6), 3)[0]
    assert first == {"x_2", "x_4"}


@pytest.mark.parametrize(("k", "named"), [(1, "1 folds of 3"), (4, "4 folds of 3"), (0, "0 folds of 3")])
def test_a_number_of_folds_that_leaves_one_empty_is_refused(k, named):
    with pytest.raises(UsageError, match=named):
        speaker_folds(clips_of(x=3), k)
